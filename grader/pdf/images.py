"""Find, decode and measure a notebook's images, and put them where typst reads; never fetch remote ones."""

import base64
import binascii
import hashlib
import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from .lines import quote
from .notebook import join_text

POINTS = 0.75  # a pixel of the screen in points
WIDEST, HIGHEST = 470, 620  # points of a page, which a size in percent is a part of
NATIVE = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp"}
ORIENTATION = 0x112  # the tag of Exif that says how a camera was held; above 4 it stood upright
STYLED = re.compile(r"(?:^|[;\s])(width|height)\s*:\s*([^;!]+)")
Place = tuple[str, float]  # a path, and a width in points; 0 where the drawing itself says it
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
    assets: Sequence[Path]
    megapixels: float = 40
    kept: dict[bytes, Place] = field(default_factory=dict)  # by the digest of their data
    drawn: set[str] = field(default_factory=set)  # characters of drawings, which need fonts as those of texts do

    def find(self, url: str, attachments: dict[str, object]) -> bytes:
        """Return the bytes behind an image's address. Raise ImageProblem."""
        url = url.strip()
        if not url.strip("#"):
            raise ImageProblem("image without an address")
        if url.startswith("data:"):
            return _decode_data_uri(url)
        if url.startswith("attachment:"):
            return _find_attachment(unquote(url.removeprefix("attachment:")), attachments)
        path = unquote(re.split("[?#]", url)[0]).replace("\\", "/")  # Windows finds \\host\path on the network
        if re.match(r"(https?:|ftp:)?//", path, re.IGNORECASE):
            raise ImageProblem(f"remote image, not fetched: {url[:200]}")
        return self._find_file(path, url)

    def _find_file(self, path: str, url: str) -> bytes:
        lost, root = "", self.beside.parent.resolve()
        for folder, name in [(self.beside, path), *((folder, path.rsplit("/", 1)[-1]) for folder in self.assets)]:
            candidate = folder / name
            try:
                inside = candidate.resolve().is_relative_to(root)
                if (inside or folder is not self.beside) and candidate.is_file():
                    return candidate.read_bytes()
                if inside and folder is self.beside and not candidate.parent.is_dir():
                    lost = f" (nor its folder {candidate.parent.name})"
            except (OSError, ValueError):  # a path no system knows, such as one with a NUL
                continue
        raise ImageProblem(f"image not found: {url[:200]}{lost}")

    def keep(self, data: bytes) -> Place:
        """Put an image where typst reads it; return its path and its width in points. Raise ImageProblem."""
        key = hashlib.sha256(data).digest()
        if key not in self.kept:
            suffix, width, data_out = self._measure(data)
            name = f"{len(self.kept)}.{suffix}"
            (self.folder / name).write_bytes(data_out)
            self.kept[key] = (f"/{self.folder.name}/{name}", width)
        return self.kept[key]

    def _measure(self, data: bytes) -> tuple[str, float, bytes]:
        if not data:
            raise ImageProblem("image without content")
        if re.search(rb"<svg[\s>]", data[:4000]):
            self.drawn.update(html.unescape(data.decode("utf-8", "replace")))
            return "svg", 0, LINKED.sub(b"", data)
        from PIL import Image, ImageOps, UnidentifiedImageError

        Image.MAX_IMAGE_PIXELS = None
        try:
            with Image.open(io.BytesIO(data)) as picture:
                width, height = picture.size
                shown = (height if picture.getexif().get(ORIENTATION) in (5, 6, 7, 8) else width) * POINTS
                scale = (self.megapixels * 1e6 / max(width * height, 1)) ** 0.5
                if scale < LARGEST**-0.5:
                    most = f"{LARGEST * self.megapixels:g} megapixels"
                    raise ImageProblem(f"image of {width} x {height} pixels, more than {most}")
                if picture.format in NATIVE and scale >= 1:
                    return NATIVE[picture.format], shown, data
                converted = io.BytesIO()
                if scale < 1:
                    picture.draft(None, (int(width * scale), int(height * scale)))
                    picture.thumbnail((max(int(width * scale), 1), max(int(height * scale), 1)))
                mode, form, suffix = ("RGB", "JPEG", "jpg") if picture.format == "JPEG" else ("RGBA", "PNG", "png")
                ImageOps.exif_transpose(picture).convert(mode).save(converted, form)
                return suffix, shown, converted.getvalue()
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
            raise ImageProblem("image in a format that cannot be read; save it as PNG or JPEG") from error


def write_image(place: Place, alt: str = "", attributes: dict[str, str] | None = None, alone: bool = True) -> str:
    """Return typst for an image at its size on the screen or the size it asks for, smaller where the page needs it.

    `attributes` are those of HTML; `alone` is false for an image in a line of text.
    """
    asked = (attributes or {}) | dict(STYLED.findall((attributes or {}).get("style", "")))
    sizes = {
        "width": _read_size(asked.get("width", ""), WIDEST),
        "height": _read_size(asked.get("height", ""), HIGHEST),
    }
    sizes = sizes if any(sizes.values()) else {"width": place[1]}
    words = ", ".join(f"{name}: {size:.2f}pt" for name, size in sizes.items() if size)
    name = "picture" if alone else "icon"
    return f"{name}((..size) => image({quote(place[0])}, alt: {quote(alt)}, ..size), ({words or ':'}))"


def _read_size(text: str, whole: float) -> float:
    """Return a size of HTML in points; 0 where it is none."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(px|%|pt|em|cm|mm|in)?\s*", text)
    units = {"%": whole / 100, "pt": 1, "em": 10.5, "cm": 28.35, "mm": 2.835, "in": 72}
    return float(found[1]) * units.get(found[2], POINTS) if found else 0


def decode_image(data: object) -> bytes:
    """Return the bytes of an image in a notebook: base64, or a drawing's source. Raise ImageProblem."""
    text = join_text(data)
    return text.encode("utf-8", "replace") if "<svg" in text else _decode_base64(text)


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
        if mime.startswith("image/"):
            return decode_image(data)
    raise ImageProblem(f"attachment not found: {name[:200]}")
