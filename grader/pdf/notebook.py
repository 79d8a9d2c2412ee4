"""Read a notebook as plain JSON and never refuse one: the unreadable becomes a notice and its raw text."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from ..files import open_regular

CONFLICT = re.compile(r"^\s*(<{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)
KINDS = ("markdown", "code", "raw")
Table = dict[str, object]  # an object of JSON that nobody has validated


@dataclass(frozen=True)
class Cell:
    """One cell; `index` counts from 1 in the notebook, `count` is the execution count."""

    index: int
    kind: str
    source: str
    outputs: list[Table] = field(default_factory=list)
    metadata: Table = field(default_factory=dict)
    attachments: Table = field(default_factory=dict)
    count: int | None = None

    @property
    def tags(self) -> list[str]:
        tags = self.metadata.get("tags")
        return [str(tag) for tag in tags] if isinstance(tags, list) else []


@dataclass(frozen=True)
class Notebook:
    """A notebook's cells; where it could not be read, `notice` says why and `raw` is the file's text."""

    path: Path
    cells: list[Cell] = field(default_factory=list)
    language: str = "python"
    notice: str = ""
    raw: str = ""

    @property
    def name(self) -> str:
        return self.path.stem


def read(path: Path) -> Notebook:
    """Read a notebook of any version; raise OSError only when the file itself cannot be read."""
    with open_regular(path) as stream:  # a pipe would be waited for
        text = _decode(stream.read())
    if not text.strip():
        return Notebook(path, notice="This notebook is empty.")
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Notebook(path, notice=_explain(text, error), raw=text)
    return from_table(table, path, text)


def from_table(table: object, path: Path, raw: str = "") -> Notebook:
    """Return a notebook from its parsed JSON; `raw` is shown when that is no notebook."""
    if not isinstance(table, dict):
        return Notebook(path, notice="This file is not a notebook: its JSON is not an object.", raw=raw)
    if "worksheets" in table and "cells" not in table:
        table = _modernise(table)
    cells = table.get("cells")
    if not isinstance(cells, list):
        return Notebook(path, notice="This file is not a notebook: it has no list of cells.", raw=raw)
    notice = "" if cells else "This notebook has no cells."
    read_cells = [_read_cell(cell, index) for index, cell in enumerate(cells, 1)]
    return Notebook(path, read_cells, _read_language(table), notice)


def join_text(value: object) -> str:
    """Return text of a notebook: a string, or a list of strings joined."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return text.replace("\r\n", "\n").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace").replace("\x00", "")


def _explain(text: str, error: Exception) -> str:
    lines = [text.count("\n", 0, found.start(1)) + 1 for found in CONFLICT.finditer(text)]
    if lines:
        where = ", ".join(map(str, lines[:6]))
        return f"This notebook holds marks of an unresolved merge conflict (lines {where}); its raw text follows."
    if isinstance(error, json.JSONDecodeError):
        return (
            f"This notebook is not valid JSON (line {error.lineno}: {error.msg}); it may have been cut off. "
            "Its raw text follows."
        )
    return "This notebook cannot be read: it is nested too deeply. Its raw text follows."


def _modernise(table: Table) -> Table:
    """Return a notebook of version 2 or 3 as version 4; unchanged where that fails."""
    import nbformat

    try:
        table.setdefault("metadata", {})
        converted: Table = nbformat.convert(nbformat.from_dict(table), 4)
        return converted
    except Exception:  # an old notebook can be broken in any way; its raw text is shown then
        return table


def _read_cell(cell: object, index: int) -> Cell:
    if not isinstance(cell, dict):
        return Cell(index, "raw", join_text(cell))
    outputs, metadata, attachments = cell.get("outputs"), cell.get("metadata"), cell.get("attachments")
    kind, count, level = cell.get("cell_type"), cell.get("execution_count"), cell.get("level")
    if kind not in KINDS:
        kind = "markdown" if kind == "heading" else "code" if isinstance(outputs, list) else "raw"
    source = join_text(cell.get("source", cell.get("input"))).replace("\r", "\n")
    if cell.get("cell_type") == "heading":
        source = "#" * (level if isinstance(level, int) else 1) + " " + source
    return Cell(
        index,
        kind,
        source,
        [output for output in outputs if isinstance(output, dict)] if isinstance(outputs, list) else [],
        metadata if isinstance(metadata, dict) else {},
        attachments if isinstance(attachments, dict) else {},
        count if isinstance(count, int) else None,
    )


def _read_language(table: Table) -> str:
    metadata = table.get("metadata")
    for key, name in (("language_info", "name"), ("kernelspec", "language")):
        found = metadata.get(key) if isinstance(metadata, dict) else None
        language = found.get(name) if isinstance(found, dict) else None
        if isinstance(language, str):
            return language.lower()
    return "python"
