"""Find, decode and measure a notebook's images, and put them where typst reads; never fetch remote ones."""

import base64
import binascii
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from .lines import quote

POINTS = 0.75  # a pixel of the screen in points
WIDEST, HIGHEST = 470, 620  # points; a picture taller than this would not leave room for its page's margins
NATIVE = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp"}
SUFFIXES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml", "image/bmp", "image/tiff"}
STYLED = re.compile(r"(?:^|[;\s])(width|height)\s*:\s*([^;!]+)")
Place = tuple[str, float, float]  # a path, and a width and height in points
LARGEST = 4  # times the megapixels allowed: larger images are not opened to be scaled down
LINKED = re.compile(
    rb"<image\b(?:(?!>)(?!href\s*=\s*[\"']data:).)*href(?:(?!href)[^>])*>(?:\s*</image\s*>)?", re.DOTALL
)


class ImageProblem(Exception):
    """An image cannot be shown; the text names it and says why."""


@dataclass
class Images:
    """Where a notebook's images may lie, and the folder that typst reads them from."""

    folder: Path
    beside: Path
    assets: list[Path]
    megapixels: float = 40
    kept: dict[bytes, tuple[str, float, float]] = field(default_factory=dict)

    def find(self, url: str, attachments: dict[str, object]) -> bytes:
        """Return the bytes behind an image's address. Raise ImageProblem."""
        url = url.strip()
        if not url.strip("#"):
            raise ImageProblem("image without an address")
        if url.startswith("data:"):
            return _decode_data_uri(url)
        if url.startswith("attachment:"):
            return _find_attachment(unquote(url.removeprefix("attachment:")), attachments)
        try:
            parts = urlsplit(url)
        except ValueError:
            raise ImageProblem(f"image not found: {url[:200]}") from None
        if parts.scheme in ("http", "https", "ftp") or url.startswith("//"):
            raise ImageProblem(f"remote image, not fetched: {url[:200]}")
        return self._find_file(unquote(parts.path) if not re.match(r"[A-Za-z]:[\\/]", url) else url, url)

    def _find_file(self, path: str, url: str) -> bytes:
        path = path.replace("\\", "/")
        root = self.beside.parent.resolve()
        candidates = [self.beside / path] + [folder / path.rsplit("/", 1)[-1] for folder in self.assets]
        for candidate in candidates:
            try:
                inside = candidate.resolve().is_relative_to(root) or candidate is not candidates[0]
                if inside and candidate.is_file():
                    return candidate.read_bytes()
            except (OSError, ValueError):  # a path no system knows, such as one with a NUL
                continue
        folder = candidates[0].parent
        lost = f" (nor its folder {folder.name})" if _lacks(root, folder) else ""
        raise ImageProblem(f"image not found: {url[:200]}{lost}")

    def keep(self, data: bytes) -> tuple[str, float, float]:
        """Put an image where typst reads it; return its path and its size in points. Raise ImageProblem."""
        if data not in self.kept:
            suffix, width, height, data_out = self._measure(data)
            name = f"{len(self.kept)}.{suffix}"
            (self.folder / name).write_bytes(data_out)
            self.kept[data] = (f"/{self.folder.name}/{name}", width, height)
        return self.kept[data]

    def _measure(self, data: bytes) -> tuple[str, float, float, bytes]:
        if not data:
            raise ImageProblem("image without content")
        if re.search(rb"<svg[\s>]", data[:4000]):
            return ("svg", *_measure_svg(data), LINKED.sub(b"", data))
        from PIL import Image, UnidentifiedImageError

        Image.MAX_IMAGE_PIXELS = None
        try:
            with Image.open(io.BytesIO(data)) as picture:
                width, height = picture.size
                scale = (self.megapixels * 1e6 / max(width * height, 1)) ** 0.5
                if scale < LARGEST**-0.5:
                    most = f"{LARGEST * self.megapixels:g} megapixels"
                    raise ImageProblem(f"image of {width} x {height} pixels, more than {most}")
                if picture.format in NATIVE and scale >= 1:
                    return NATIVE[picture.format], width * POINTS, height * POINTS, data
                converted = io.BytesIO()
                if scale < 1:
                    picture.draft(None, (int(width * scale), int(height * scale)))
                    picture.thumbnail((max(int(width * scale), 1), max(int(height * scale), 1)))
                picture.convert("RGBA").save(converted, "PNG")
                return "png", width * POINTS, height * POINTS, converted.getvalue()
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            raise ImageProblem("image in a format that cannot be read") from error


def _lacks(root: Path, folder: Path) -> bool:
    """Return whether a folder below the root is not there; False for a path that no system knows."""
    try:
        return folder.resolve().is_relative_to(root) and not folder.is_dir()
    except (OSError, ValueError):
        return False


def write_image(place: Place, alt: str = "", attributes: dict[str, str] | None = None, alone: bool = True) -> str:
    """Return typst for an image at its size on the screen or the size it asks for, smaller where the page needs it.

    `attributes` are those of HTML; `alone` is false for an image in a line of text.
    """
    width, ratio, stretched = fit(place, attributes or {})
    shape = f', height: w * {ratio:.4f}, fit: "stretch"' if stretched else ""
    name = "picture" if alone else "icon"
    return f"{name}(w => image({quote(place[0])}, width: w{shape}, alt: {quote(alt)}), {width:.2f}pt)"


def fit(place: Place, attributes: dict[str, str]) -> tuple[float, float, bool]:
    """Return the width of an image in points, how often it goes into its height, and whether that is asked for."""
    asked = attributes | dict(STYLED.findall(attributes.get("style", "")))
    width, height = _read_size(asked.get("width", ""), WIDEST), _read_size(asked.get("height", ""), HIGHEST)
    stretched = bool(width and height)
    ratio = height / width if stretched else place[2] / place[1] if place[1] else 1
    wanted = width or (height / ratio if height and ratio else place[1])
    return max(min(wanted, WIDEST, HIGHEST / ratio if ratio else WIDEST), 1), ratio, stretched


def _read_size(text: str, whole: float) -> float:
    """Return a size of HTML in points; 0 where it is none."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(px|%|pt|em|cm|mm|in)?\s*", text)
    units = {"%": whole / 100, "pt": 1, "em": 10.5, "cm": 28.35, "mm": 2.835, "in": 72}
    return float(found[1]) * units.get(found[2], POINTS) if found else 0


def decode(data: object, mime: str) -> bytes:
    """Return the bytes of an output's image. Raise ImageProblem."""
    text = "".join(part for part in data if isinstance(part, str)) if isinstance(data, list) else data
    if not isinstance(text, str):
        raise ImageProblem("image without content")
    if mime == "image/svg+xml" and "<svg" in text:
        return text.encode("utf-8", "replace")
    return _decode_base64(text)


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(re.sub(r"\s", "", text), validate=True)
    except (binascii.Error, ValueError):
        raise ImageProblem("image whose content is not valid base64") from None


def _decode_data_uri(url: str) -> bytes:
    head, comma, body = url.partition(",")
    if not comma:
        raise ImageProblem(f"image whose address is cut off: {url[:60]}")
    return _decode_base64(unquote(body)) if head.endswith(";base64") else unquote_to_bytes(body)


def _find_attachment(name: str, attachments: dict[str, object]) -> bytes:
    found = attachments.get(name)
    for mime, data in found.items() if isinstance(found, dict) else []:
        if mime in SUFFIXES:
            return decode(data, mime)
    raise ImageProblem(f"attachment not found: {name[:200]}")


def _measure_svg(data: bytes) -> tuple[float, float]:
    tag = re.search(rb"<svg\b[^>]*>", data, re.DOTALL)
    text = tag[0].decode("utf-8", "replace") if tag else ""
    units = {"": POINTS, "px": POINTS, "pt": 1, "in": 72, "cm": 28.35, "mm": 2.835, "em": 10.5}
    sizes = []
    for name in ("width", "height"):
        found = re.search(rf"\b{name}\s*=\s*[\"']\s*([\d.]+)\s*([a-z]*)\s*[\"']", text)
        sizes.append(float(found[1]) * units.get(found[2], POINTS) if found else 0)
    box = re.search(r"viewBox\s*=\s*[\"']\s*[-\d.]+[\s,]+[-\d.]+[\s,]+([\d.]+)[\s,]+([\d.]+)", text)
    if box and float(box[1]) and float(box[2]):
        ratio = float(box[2]) / float(box[1])
        width = sizes[0] or (sizes[1] / ratio if sizes[1] else float(box[1]) * POINTS)
        return width, width * ratio
    return (sizes[0] or WIDEST, sizes[1] or sizes[0] or WIDEST)
