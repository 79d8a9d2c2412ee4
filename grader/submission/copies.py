"""Names that systems and browsers give to copies: `layers (1).py`, `layers copy.py`, `Copy of layers.py`."""

import re
from collections.abc import Iterable
from pathlib import Path

from ..files import make_printable

AROUND = (
    re.compile(r"^copy of "),
    re.compile(r" ?[(\[]\d+[)\]]$"),
    re.compile(r"[ _-]+copy(?: ?\d+)?$"),
    re.compile(r"[ _-]\d+$"),
)


def copies_of(name: str, names: Iterable[str]) -> list[str]:
    """Those of some file names that look like copies of one, or differ from it in case only."""
    wanted = _plain(name)
    return [other for other in names if other != name and _plain(other) == wanted]


def missing(file: Path, remedy: str) -> str:
    """That a file is missing; where copies of it lie beside it, which ones, in place of the remedy."""
    try:
        names = sorted(other.name for other in file.parent.iterdir())
    except OSError:
        names = []
    copies = ", ".join(make_printable(name) for name in copies_of(file.name, names))
    if copies:
        return f"is missing, but {copies} is there; a copy is not read, give it the name {file.name}"
    return f"is missing; {remedy}"


def _plain(name: str) -> tuple[str, str]:
    """A name without what makes it a copy, and its suffix."""
    name = name.casefold().removesuffix(".txt")
    stem, dot, suffix = name.rpartition(".")
    stem, before = stem.strip(), ""
    while stem != before and len(stem) < 256:
        before = stem
        for pattern in AROUND:
            stem = pattern.sub("", stem).strip()
    return stem, dot + suffix
