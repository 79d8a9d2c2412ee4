"""The typst source of a document in pieces, so that an error in it leads back to a cell, a formula or an image."""

import re
from dataclasses import dataclass, field

FILE = re.compile(r"\b(n\d+/\d+\.\w+):\d+:\d+")
LINE = re.compile(r"__typst_py_bytes__\.typ:(\d+):\d+")


@dataclass
class Piece:
    """Some lines of typst; `fallback` takes their place when they cannot be set, and `mark` says so."""

    text: str
    fallback: str = ""
    mark: str = ""
    notebook: str = ""
    cell: int = 0
    failed: bool = False

    @property
    def current(self) -> str:
        return self.fallback if self.failed else self.text


@dataclass(frozen=True)
class Mark:
    """Something that is shown otherwise than its author meant: where, what and why."""

    notebook: str
    cell: int
    text: str

    def __str__(self) -> str:
        return f"{self.notebook}, cell {self.cell}: {self.text}" if self.cell else f"{self.notebook}: {self.text}"


@dataclass
class Sheet:
    """The pieces of one notebook; names are unique over the document through `prefix`."""

    notebook: str
    prefix: str
    pieces: list[Piece] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    names: int = 0

    def add(self, text: str, fallback: str = "", mark: str = "", cell: int = 0) -> None:
        """Adds a piece."""
        self.pieces.append(Piece(text, fallback, mark, self.notebook, cell))

    def define(self, expression: str, fallback: str, mark: str, cell: int) -> str:
        """Adds a definition on lines of its own and returns the markup that uses it."""
        name = f"{self.prefix}x{self.names}"
        self.names += 1
        self.add(f"#let {name} = {expression}", f"#let {name} = {fallback}", mark, cell)
        return f"#{name};"

    def mark(self, cell: int, text: str) -> None:
        """Records what is shown otherwise than meant."""
        self.marks.append(Mark(self.notebook, cell, text))


def source(head: str, pieces: list[Piece]) -> tuple[str, list[int]]:
    """The whole source and the line on which each piece begins."""
    lines, starts, parts = head.count("\n") + 2, [], [head]
    for piece in pieces:
        starts.append(lines)
        parts.append(piece.current)
        lines += piece.current.count("\n") + 1
    return "\n".join(parts) + "\n", starts


def guilty(diagnostic: str, pieces: list[Piece], starts: list[int]) -> list[Piece]:
    """The pieces that a diagnostic of typst points at and that have a fallback left."""
    found = [piece for name in FILE.findall(diagnostic) for piece in pieces if f'"/{name}"' in piece.text]
    found = [piece for piece in found if piece.fallback and not piece.failed]
    for line in LINE.findall(diagnostic):
        at = max((n for n, start in enumerate(starts) if start <= int(line)), default=None)
        if at is not None and pieces[at].fallback and not pieces[at].failed and pieces[at] not in found:
            found.append(pieces[at])
    return found
