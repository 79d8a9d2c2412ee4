"""The texts in a file, with the place of each line: a notebook's cells one by one, anything else as a whole."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Piece:
    """One text; `cell` is its number in a notebook, 0 elsewhere."""

    file: str
    text: str
    code: bool
    cell: int = 0

    def place(self, line: int) -> str:
        """Where a line stands."""
        return f"{self.file}, cell {self.cell}, line {line}" if self.cell else f"{self.file}, line {line}"

    def runnable(self) -> str:
        """The text without what only a notebook understands, line for line."""
        lines = self.text.splitlines()
        return "\n".join("" if line.lstrip().startswith(("%", "!", "?")) else line for line in lines)


def pieces(name: str, content: bytes) -> Iterator[Piece]:
    """The texts of a file; none of one that is no text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    suffix = PurePosixPath(name).suffix
    if suffix != ".ipynb":
        yield Piece(name, text, suffix == ".py")
        return
    notebook = json.loads(text)
    for number, cell in enumerate(notebook["cells"], start=1):
        yield Piece(name, "".join(cell["source"]), cell["cell_type"] == "code", number)
        others = [cell["metadata"], cell.get("outputs", [])]
        yield Piece(name, json.dumps(others, ensure_ascii=False), False, number)
    yield Piece(name, json.dumps(notebook["metadata"], indent=1, ensure_ascii=False), False)
