"""Choose fonts: typst's own, matplotlib's, packages from pip, the system's; name the characters none covers."""

import importlib.util
import unicodedata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .literal import quote

TEXT, CODE, MATH = "Libertinus Serif", "DejaVu Sans Mono", "New Computer Modern Math"
PLAIN = (
    "matplotlib",
    "mpl-data/fonts/ttf",
    ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "STIXGeneral.ttf"),
)
# Font packages from pip, tried in this order when a text needs them; both are under the SIL Open Font License 1.1.
PACKAGES = (
    ("noto_cjk_sans_otc", "", ("NotoSansCJK-Regular.ttc",)),
    ("manimgx_fonts", "", ("*.ttf",)),
)
REMEDY = "pip install noto-cjk-sans-otc manimgx-fonts"
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass
class Fonts:
    """The families to set a text with, their files, and the characters that none of them has."""

    families: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)

    def declare(self) -> str:
        """Return the typst definitions that the template uses."""

        def names(*first: str) -> str:
            return "(" + ", ".join(quote(name) for name in (*first, *self.families)) + ",)"

        return "\n".join(
            (f"#let text-fonts = {names(TEXT)}", f"#let code-fonts = {names(CODE)}", f"#let math-fonts = {names(MATH)}")
        )


def choose(characters: set[str]) -> Fonts:
    """Return the fewest fonts that cover the characters, so that a machine's own fonts change little."""
    fonts = Fonts(missing={character for character in characters if _needs_font(character)})
    if not fonts.missing:
        return fonts
    for file in _find_packaged(PLAIN):
        _take(fonts, file, always=file.name == "DejaVuSans.ttf")
    for package in PACKAGES:
        for file in _find_packaged(package):
            if fonts.missing - BIDI:
                _take(fonts, file)
    if fonts.missing - BIDI:
        for file in _find_system_fonts():
            _take(fonts, file)
    fonts.families = [_choose_region(family, characters) for family in fonts.families]
    return fonts


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


def _take(fonts: Fonts, file: Path, always: bool = False) -> None:
    covered, family = _read_coverage(file)
    found = {character for character in fonts.missing - BIDI if ord(character) in covered}
    if (found or always) and family:
        fonts.missing -= found
        fonts.files.append(file)
        if family not in fonts.families and family != CODE:
            fonts.families.append(family)


def _find_packaged(package: tuple[str, str, tuple[str, ...]]) -> list[Path]:
    module, folder, patterns = package
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return []
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
