"""Map the lines of typst source to blocks, so that an error leads back to a cell, a formula or an image."""

import re
from dataclasses import dataclass, field

FILE = re.compile(r"\b(n\d+/\d+\.\w+):\d+:\d+")
LINE = re.compile(r"__typst_py_bytes__\.typ:(\d+):\d+")


@dataclass
class Block:
    """Some lines of typst; `fallback` takes their place when they cannot be set, and `degradation` says so."""

    text: str
    fallback: str = ""
    degradation: str = ""
    notebook: str = ""
    cell: int = 0
    failed: bool = False

    @property
    def current(self) -> str:
        return self.fallback if self.failed else self.text


@dataclass(frozen=True)
class Degradation:
    """Something shown otherwise than its author meant: where, what and why."""

    notebook: str
    cell: int
    text: str

    def __str__(self) -> str:
        return f"{self.notebook}, cell {self.cell}: {self.text}" if self.cell else f"{self.notebook}: {self.text}"


@dataclass
class SourceMap:
    """The blocks of one notebook; `prefix` makes their names unique in the document."""

    notebook: str
    prefix: str
    blocks: list[Block] = field(default_factory=list)
    degradations: list[Degradation] = field(default_factory=list)
    names: int = 0

    def add(self, text: str, fallback: str = "", degradation: str = "", cell: int = 0) -> None:
        """Add a block."""
        self.blocks.append(Block(text, fallback, degradation, self.notebook, cell))

    def define(self, expression: str, fallback: str, degradation: str, cell: int) -> str:
        """Add a definition on lines of its own and return the markup that uses it."""
        name = f"{self.prefix}x{self.names}"
        self.names += 1
        self.add(f"#let {name} = {expression}", f"#let {name} = {fallback}", degradation, cell)
        return f"#{name};"

    def degrade(self, cell: int, text: str) -> None:
        """Record something shown otherwise than meant."""
        self.degradations.append(Degradation(self.notebook, cell, text))


def join_blocks(head: str, blocks: list[Block]) -> tuple[str, list[int]]:
    """Return the whole source and the line on which each block begins."""
    lines, starts, parts = head.count("\n") + 2, [], [head]
    for block in blocks:
        starts.append(lines)
        parts.append(block.current)
        lines += block.current.count("\n") + 1
    return "\n".join(parts) + "\n", starts


def find_blocks_at(diagnostic: str, blocks: list[Block], starts: list[int]) -> list[Block]:
    """Return the blocks that a diagnostic of typst points at and that have a fallback left."""
    found = [block for name in FILE.findall(diagnostic) for block in blocks if f'"/{name}"' in block.text]
    found = [block for block in found if block.fallback and not block.failed]
    for line in LINE.findall(diagnostic):
        at = max((n for n, start in enumerate(starts) if start <= int(line)), default=None)
        if at is not None and blocks[at].fallback and not blocks[at].failed and blocks[at] not in found:
            found.append(blocks[at])
    return found
