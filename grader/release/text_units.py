"""Split a file into texts, and tell the shape of statements: what they do, whatever their variables are called."""

import ast
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

RUN = 3  # statements
LEAST = 17  # nodes of a run, below which many would write it alike
LEAST_ALONE = 22  # nodes of a solution that is shorter than a run
UNIMPORTANT = {"ctx", "type_comment", "annotation", "returns", "kind"}


@dataclass(frozen=True)
class TextUnit:
    """One text; `cell` is its number in a notebook, 0 elsewhere."""

    file: str
    text: str
    code: bool
    cell: int = 0

    def place(self, line: int) -> str:
        """Return where a line stands."""
        return f"{self.file}, cell {self.cell}, line {line}" if self.cell else f"{self.file}, line {line}"

    def strip_magics(self) -> str:
        """Return the text without what only a notebook understands, line for line."""
        lines = self.text.splitlines()
        return "\n".join("" if line.lstrip().startswith(("%", "!", "?")) else line for line in lines)


def split_file(name: str, content: bytes) -> Iterator[TextUnit]:
    """Yield the texts of a file; none of one that is no text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    suffix = PurePosixPath(name).suffix
    if suffix != ".ipynb":
        yield TextUnit(name, text, suffix == ".py")
        return
    notebook = json.loads(text)
    for number, cell in enumerate(notebook["cells"], start=1):
        yield TextUnit(name, "".join(cell["source"]), cell["cell_type"] == "code", number)
        others = [cell["metadata"], cell.get("outputs", [])]
        yield TextUnit(name, json.dumps(others, ensure_ascii=False), False, number)
    yield TextUnit(name, json.dumps(notebook["metadata"], indent=1, ensure_ascii=False), False)


@dataclass
class Statement:
    """A statement spelled out without its names, and the names in their order."""

    line: int
    end: int
    parts: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    nodes: int = 0

    def spell(self, node: Any) -> None:
        """Add a node and all below it."""
        if isinstance(node, ast.AST):
            self.nodes += 1
            self.parts.append(type(node).__name__)
            own = "id" if isinstance(node, ast.Name) else "arg" if isinstance(node, ast.arg) else ""
            for name, value in ast.iter_fields(node):
                if name == own:
                    self.names.append(value)
                elif name not in UNIMPORTANT:
                    self.spell(value)
        elif isinstance(node, list):
            self.parts.append(f"[{len(node)}")
            for item in node:
                self.spell(item)
        else:
            self.parts.append(repr(node))


def shapes_of_solution(module: ast.Module, first: int, last: int) -> Iterator[tuple[str, int]]:
    """Yield the shape and line of each run of statements between two lines; of a shorter block, that of the whole."""
    for block in _blocks(module):
        inside = [statement for statement in block if first <= statement.line and statement.end <= last]
        length = min(RUN, len(inside))
        yield from _runs(inside, length, LEAST if length == RUN else LEAST_ALONE)


def shapes_of_module(module: ast.Module) -> list[tuple[str, int]]:
    """Return the shape and line of everything that could be such a run, by line."""
    blocks = list(_blocks(module))
    shapes = [pair for block in blocks for length in range(1, RUN + 1) for pair in _runs(block, length, LEAST)]
    return sorted(shapes, key=lambda pair: pair[1])


def hash_shape(statements: Sequence[Statement]) -> str:
    """Return a few letters that are the same for statements that differ in the names of their variables only."""
    numbers: dict[str, int] = {}
    names = [str(numbers.setdefault(name, len(numbers))) for statement in statements for name in statement.names]
    spelled = "\n".join([*(part for statement in statements for part in statement.parts), "", *names])
    return hashlib.sha256(spelled.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _runs(block: list[Statement], length: int, least: int) -> Iterator[tuple[str, int]]:
    for at in range(len(block) - length + 1 if length else 0):
        run = block[at : at + length]
        if sum(statement.nodes for statement in run) >= least:
            yield hash_shape(run), run[0].line


def _blocks(module: ast.Module) -> Iterator[list[Statement]]:
    """Yield every list of statements, without texts that stand alone."""
    for node in ast.walk(module):
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list):
                yield [_statement(child) for child in block if not _is_text(child)]


def _statement(node: ast.stmt) -> Statement:
    statement = Statement(node.lineno, node.end_lineno or node.lineno)
    statement.spell(node)
    return statement


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
