"""A notebook's source, a jupytext script in the percent format, as cells that know the line they stand on."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..course.manifest import ManifestError

MARK = re.compile(r"# ?%%(\s.*)?")
FORMATTING = {"title", "cell_marker", "lines_to_next_cell", "lines_to_end_of_cell_marker"}  # jupytext's own
UNREADABLE = "incorrectly_encoded_metadata"


@dataclass(frozen=True)
class Cell:
    """One cell: `kind` is code or markdown, `line` that of its `# %%` in `file`."""

    kind: str
    text: str
    metadata: dict[str, Any]
    file: str
    line: int

    @property
    def tags(self) -> list[str]:
        return self.metadata.get("tags", [])

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}"

    def fault(self, sentence: str) -> ManifestError:
        """An error of this cell."""
        return ManifestError(f"{self.place}: {sentence}")


def read(file: Path, name: str) -> list[Cell]:
    """The cells of a script, which errors call `name`; raises ManifestError where it is not there or not readable."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ManifestError(f"{name}: cannot be read ({error.strerror}); write it, or mend the manifest") from None
    import jupytext  # takes a second

    nodes = jupytext.reads(text, fmt="py:percent").cells
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if MARK.fullmatch(line)]
    if len(lines) != len(nodes):
        raise ManifestError(f"{name}: its cells cannot be told apart; begin with '# %%' and indent no such line")
    return [_cell(node, name, line) for node, line in zip(nodes, lines)]


def _cell(node: Any, file: str, line: int) -> Cell:
    metadata = {key: value for key, value in node.metadata.items() if key not in FORMATTING}
    cell = Cell(node.cell_type, node.source, metadata, file, line)
    if UNREADABLE in metadata:
        raise cell.fault(f'{metadata[UNREADABLE]!r} is not metadata; write it as tags=["a"] key="text" key=1')
    if cell.kind not in ("code", "markdown"):
        raise cell.fault(f"a cell of kind {cell.kind!r}; use code or [markdown]")
    return cell
