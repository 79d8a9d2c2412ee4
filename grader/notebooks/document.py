"""Write cells as the bytes of an .ipynb file, the same every time, with or without their solutions."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NotRequired, TypedDict

from .source import Cell, find_solutions

KEY = "chainrule"
COMMAND = "python -m grader notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}
ANSWER, TUNE = "*Your answer:*", "# Change the values above."
INSTRUCTORS = ("rubric", "answer")


class Node(TypedDict):
    """A cell in a notebook's JSON."""

    cell_type: str
    id: str
    metadata: dict[str, object]
    source: list[str]
    execution_count: NotRequired[int | None]
    outputs: NotRequired[list[object]]


class Metadata(TypedDict):
    """A notebook's metadata; `chainrule` holds its origin and a digest of its cells."""

    chainrule: dict[str, str]
    kernelspec: dict[str, str]
    language_info: dict[str, str]


class Notebook(TypedDict):
    """A notebook's JSON, format 4.5."""

    cells: list[Node]
    metadata: Metadata
    nbformat: int
    nbformat_minor: int


def assemble(cells: Iterable[Cell], origin: str) -> Notebook:
    """Return the cells as a notebook without outputs; ids follow from content and from place among equals."""
    seen: Counter[str] = Counter()
    nodes = [_make_node(cell, seen) for cell in cells]
    note = {"generated": f'from {origin} by "{COMMAND}"', "unedited": digest(nodes)}
    metadata: Metadata = {"chainrule": note, "kernelspec": KERNEL, "language_info": LANGUAGE}
    return {"cells": nodes, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def to_bytes(notebook: Notebook) -> bytes:
    """Return a notebook's file as Jupyter itself would write it."""
    return (json.dumps(notebook, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def strip_solutions(cells: Iterable[Cell], name: str) -> list[Cell]:
    """Return the cells of notebook `name` without proofs, solutions and what only instructors need."""
    return [_strip(cell, name) for cell in cells if "proof" not in cell.tags]


def read_note(file: Path) -> dict[str, object]:
    """Return a notebook's note on its origin; an empty one where it was not made here or cannot be read."""
    return _read_note(_load(file))


def is_unedited(file: Path) -> bool:
    """Return whether a generated notebook still has the cells it was made with, and none of them was run."""
    table = _load(file)
    cells = table.get("cells")
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return False
    ran = any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    return not ran and _read_note(table).get("unedited") == digest(cells)


def digest(nodes: Iterable[Mapping[str, object]]) -> str:
    """Return a digest of the kinds and texts of cells."""
    return _shorten([[node.get("cell_type"), _join(node.get("source"))] for node in nodes])


def _make_node(cell: Cell, seen: Counter[str]) -> Node:
    content = _shorten([cell.kind, cell.text])
    seen[content] += 1
    node: Node = {
        "cell_type": cell.kind,
        "id": _shorten([content, seen[content]]),
        "metadata": cell.metadata,
        "source": cell.text.splitlines(keepends=True),
    }
    if cell.kind == "code":
        node["execution_count"], node["outputs"] = None, []
    return node


def _strip(cell: Cell, name: str) -> Cell:
    lines = cell.text.splitlines()
    for first, last in reversed(find_solutions(cell)):
        lines[first : last + 1] = _write_stub(cell, name, lines[first])
    metadata = {key: value for key, value in cell.metadata.items() if key not in INSTRUCTORS}
    return replace(cell, text="\n".join(lines).strip("\n"), metadata=metadata)


def _write_stub(cell: Cell, name: str, marker: str) -> list[str]:
    """Return the lines that stand in a solution's place."""
    indent = marker[: len(marker) - len(marker.lstrip())]
    if cell.kind == "markdown":
        return [ANSWER]
    if "tune" in cell.tags:
        return [indent + TUNE]
    sentence = json.dumps(f"{name}: {cell.metadata['exercise']}", ensure_ascii=False)
    return [f"{indent}# Write your code here.", f"{indent}raise NotImplementedError({sentence})"]


def _shorten(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]


def _join(source: object) -> str:
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _read_note(table: dict[str, object]) -> dict[str, object]:
    metadata = table.get("metadata")
    note = metadata.get(KEY) if isinstance(metadata, dict) else None
    return note if isinstance(note, dict) else {}


def _load(file: Path) -> dict[str, object]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
