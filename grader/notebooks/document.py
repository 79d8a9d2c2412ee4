"""Cells as the bytes of an .ipynb file, the same every time, and whether such a file is still as it was made."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from .source import Cell

KEY = "chainrule"
COMMAND = "python -m grader notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "mimetype": "text/x-python", "name": "python", "pygments_lexer": "ipython3"}


def notebook(cells: list[Cell], origin: str) -> dict[str, Any]:
    """The cells as a notebook of format 4.5: no outputs, ids that follow from content and from place among equals."""
    seen: Counter[str] = Counter()
    nodes = [_node(cell, seen) for cell in cells]
    note = {"generated": f'from {origin} by "{COMMAND}"', "unedited": digest(nodes)}
    metadata = {KEY: note, "kernelspec": KERNEL, "language_info": LANGUAGE}
    return {"cells": nodes, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def to_bytes(content: dict[str, Any]) -> bytes:
    """A notebook as Jupyter itself would write it."""
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def note(file: Path) -> dict[str, str]:
    """What a notebook's file says of its making; nothing where it was not made here or cannot be read."""
    return _load(file).get("metadata", {}).get(KEY, {})


def untouched(file: Path) -> bool:
    """Whether a generated notebook still has the cells it was made with, and none of them was run."""
    cells = _load(file).get("cells", [])
    ran = any(cell.get("outputs") or cell.get("execution_count") for cell in cells)
    return not ran and note(file).get("unedited") == digest(cells)


def digest(nodes: list[dict[str, Any]]) -> str:
    """Of the kinds and texts of cells."""
    return _short([[node["cell_type"], "".join(node["source"])] for node in nodes])


def _node(cell: Cell, seen: Counter[str]) -> dict[str, Any]:
    content = _short([cell.kind, cell.text])
    seen[content] += 1
    node: dict[str, Any] = {"cell_type": cell.kind, "id": _short([content, seen[content]])}
    node |= {"metadata": cell.metadata, "source": cell.text.splitlines(keepends=True)}
    return node | {"execution_count": None, "outputs": []} if cell.kind == "code" else node


def _short(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
