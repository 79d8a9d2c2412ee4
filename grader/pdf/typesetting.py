"""Choose fonts and compile blocks of typst until none fails: one that fails gives way to its fallback."""

import datetime
import importlib.util
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from pathlib import Path

from ..errors import PdfError, ProgramMissing
from ..limits import TYPST_ATTEMPTS

CODE = "DejaVu Sans Mono"  # which typst brings along
# Where fonts come from, in the order in which they are tried when a text needs them: a package, a folder in it, files.
# The packages after the first hold nothing but fonts; all are under the SIL Open Font License 1.1 or freer.
PACKAGES = (
    (
        "matplotlib",
        "mpl-data/fonts/ttf",
        ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf"),
    ),
    ("noto_cjk_sans_otc", "", ("NotoSansCJK-Regular.ttc",)),
    ("manimgx_fonts", "", ("*.ttf",)),
)
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
FILE = re.compile(r"\b(n\d+/\d+\.\w+):\d+:\d+")
LINE = re.compile(r"__typst_py_bytes__\.typ:(\d+):\d+")


@dataclass
class Block:
    """Some lines of typst; what `fallback` makes takes their place when they fail, and `degradation` says so."""

    text: str
    fallback: Callable[[], str] | None = None
    degradation: str = ""
    cell: int = 0
    failed: bool = False

    def give_way(self) -> None:
        """Replace the lines by their fallback, which is made only now."""
        self.text = self.fallback() if self.fallback else ""
        self.fallback, self.failed = None, True


@dataclass(frozen=True)
class Degradation:
    """Something shown otherwise than its author meant: where, what and why."""

    notebook: str
    cell: int
    text: str

    def __str__(self) -> str:
        return f"{self.notebook}, cell {self.cell}: {self.text}" if self.cell else f"{self.notebook}: {self.text}"


class CannotSet(PdfError):
    """Nothing makes the document compile; the text says what typst said."""


@dataclass
class Fonts:
    """The families to set a text with, their files, and the characters that none of them has."""

    families: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)


class Compiler:
    """Run typst for one document: `head` holds the definitions before its blocks, `root` its images."""

    def __init__(self, head: str, root: Path, fonts: Fonts) -> None:
        try:
            import typst
        except ImportError:
            raise ProgramMissing("typst is missing; install it with: pip install typst") from None
        self.head = head
        self._missing = fonts.missing
        self._error = typst.TypstError
        (root / "fonts").mkdir()
        for file in fonts.files:  # without their neighbours
            shutil.copyfile(file, root / "fonts" / file.name)
        found = typst.Fonts(include_system_fonts=False, font_paths=[root / "fonts"])
        self._typst = typst.Compiler(root=root, font_paths=found)

    def compile(self, blocks: list[Block], date: datetime.date) -> bytes:
        """Return the PDF, dated. Raise CannotSet."""
        noon = datetime.datetime.combine(date, datetime.time(), datetime.UTC)
        for _ in range(TYPST_ATTEMPTS):
            text, starts = join_blocks(self.head, blocks)
            data, said = self._once(text, noon)
            if data is not None:
                return data
            failing = find_blocks_at(said, blocks, starts) or self._find_suspect(blocks, noon)
            if not failing:
                raise CannotSet(f"typst cannot set these notebooks: {said.strip()[:500]}")
            for block in failing:
                block.give_way()
        raise CannotSet(f"typst cannot set these notebooks: more than {TYPST_ATTEMPTS} places in them fail")

    def _once(self, text: str, date: datetime.datetime) -> tuple[bytes | None, str]:
        """Return the PDF, or None and what typst said."""
        try:
            data = self._typst.compile(
                show_by_number(text, self._missing).encode(), format="pdf", timestamp=date, pdf_tags=True
            )
            return (data, "") if isinstance(data, bytes) else (None, "typst returned no PDF")
        except self._error as error:
            return None, error.diagnostic or str(error)
        except BaseException as error:  # a panic inside typst is no Exception
            if type(error).__name__ != "PanicException":
                raise
            return None, f"typst panicked: {error}"

    def _find_suspect(self, blocks: list[Block], date: datetime.datetime) -> list[Block]:
        """Return the block that fails where all others give way, found by halves; for an error that names no line."""
        suspects = [block for block in blocks if block.fallback]
        spares = {id(block): Block(block.fallback()) for block in suspects if block.fallback}

        def fails(kept: list[Block]) -> bool:
            others = spares.keys() - map(id, kept)
            shown = [spares[id(block)] if id(block) in others else block for block in blocks]
            return self._once(join_blocks(self.head, shown)[0], date)[0] is None

        if fails([]):
            return []
        while len(suspects) > 1:
            half = suspects[: len(suspects) // 2]
            suspects = half if fails(half) else suspects[len(half) :]
        return suspects


def join_blocks(head: str, blocks: list[Block]) -> tuple[str, list[int]]:
    """Return the whole source, with an empty line between blocks, and the line on which each block begins."""
    parts = [head, *(block.text for block in blocks)]
    starts = accumulate((part.count("\n") + 2 for part in parts), initial=1)
    return "\n\n".join(parts) + "\n", [*starts][1:-1]


def show_by_number(text: str, characters: set[str]) -> str:
    """Return the text with the code points of the characters that no font has in their place."""
    return text.translate({ord(character): f"[U+{ord(character):04X}]" for character in characters})


def find_blocks_at(diagnostic: str, blocks: list[Block], starts: list[int]) -> list[Block]:
    """Return the blocks that a diagnostic of typst points at and that have a fallback left."""
    found = [block for name in FILE.findall(diagnostic) for block in blocks if f'"/{name}"' in block.text]
    found = [block for block in found if block.fallback]
    for line in LINE.findall(diagnostic):
        at = max((n for n, start in enumerate(starts) if start <= int(line)), default=None)
        if at is not None and blocks[at].fallback and blocks[at] not in found:
            found.append(blocks[at])
    return found


def choose_fonts(characters: set[str]) -> Fonts:
    """Return the fewest fonts that cover the characters, so that a machine's own fonts change little."""
    fonts = Fonts(missing={character for character in characters if _needs_font(character)})
    for file in _list_fonts() if fonts.missing else ():
        covered, family = _read_coverage(file)
        found = {character for character in fonts.missing - BIDI if ord(character) in covered}
        if family and (found or not fonts.files):
            fonts.missing -= found
            fonts.files.append(file)
            family = _choose_region(family, characters)
            fonts.families += [family] if family not in (CODE, *fonts.families) else []
        if not fonts.missing - BIDI:
            break
    return fonts


def _list_fonts() -> Iterator[Path]:
    for package in PACKAGES:
        yield from _find_packaged(package)
    yield from _find_system_fonts()


def _choose_region(family: str, characters: set[str]) -> str:
    """Return the family of a collection that draws Han characters as the text's language does."""
    if not family.endswith("CJK JP"):
        return family
    if any("\u3040" <= character <= "\u30ff" for character in characters):
        return family
    korean = any("\uac00" <= character <= "\ud7a3" for character in characters)
    return family[:-2] + ("KR" if korean else "SC")


def _needs_font(character: str) -> bool:
    if character in BIDI:
        return True
    return ord(character) > 0x24F and unicodedata.category(character) not in ("Cf", "Cc", "Mn", "Me", "Zs", "Zl", "Zp")


def explain_missing_fonts() -> str:
    """Return what to do about characters that no font has: install the packages that are not installed."""
    absent = [package[0].replace("_", "-") for package in PACKAGES if not _find_packaged(package)]
    known = "characters without a font stand as [U+XXXX]"
    return (
        f"{known}; to see them: pip install {' '.join(absent)}" if absent else f"{known}; no font known here has them"
    )


def _find_packaged(package: tuple[str, str, tuple[str, ...]]) -> list[Path]:
    module, folder, patterns = package
    spec = importlib.util.find_spec(module)
    for place in spec.submodule_search_locations or [] if spec else []:
        return [file for pattern in patterns for file in sorted((Path(place) / folder).glob(pattern))]
    return []


def _find_system_fonts() -> list[Path]:
    import typst

    found = typst.Fonts(include_system_fonts=True, include_embedded_fonts=False).fonts()
    return sorted({Path(font.path) for font in found if font.path and "LastResort" not in font.path})


@cache
def _read_coverage(file: Path) -> tuple[frozenset[int], str]:
    """Return the code points a font has and its family's name; nothing for a file that is no font."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(file, fontNumber=0, lazy=True) as font:
            font.setGlyphOrder([f"g{number}" for number in range(font["maxp"].numGlyphs)])  # spares reading theirs
            names = font["name"]
            family = names.getDebugName(16) or names.getDebugName(1) or ""
            return frozenset(font.getBestCmap() or ()), family
    except (TTLibError, OSError, KeyError, AssertionError, ValueError):
        return frozenset(), ""
