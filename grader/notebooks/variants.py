"""The two notebooks a source makes: the student's, with solutions cut out, and the instructor's, with everything."""

import json
from dataclasses import replace

from .rules import regions
from .source import Cell

ANSWER, TUNE = "*Your answer:*", "# Change the values above."
INSTRUCTORS = ("rubric", "answer")


def instructor(cells: list[Cell]) -> list[Cell]:
    """All cells as they are, proofs and solutions too."""
    return list(cells)


def student(cells: list[Cell], name: str) -> list[Cell]:
    """The cells of notebook `name` without proofs, solutions and what only instructors need."""
    return [_stub(cell, name) for cell in cells if "proof" not in cell.tags]


def _stub(cell: Cell, name: str) -> Cell:
    lines = cell.text.splitlines()
    for first, last in reversed(regions(cell)):
        lines[first : last + 1] = _replacement(cell, name, lines[first])
    metadata = {key: value for key, value in cell.metadata.items() if key not in INSTRUCTORS}
    return replace(cell, text="\n".join(lines).strip("\n"), metadata=metadata)


def _replacement(cell: Cell, name: str, marker: str) -> list[str]:
    indent = marker[: len(marker) - len(marker.lstrip())]
    if cell.kind == "markdown":
        return [ANSWER]
    if "tune" in cell.tags:
        return [indent + TUNE]
    sentence = json.dumps(f"{name}: {cell.metadata['exercise']}", ensure_ascii=False)
    return [f"{indent}# Write your code here.", f"{indent}raise NotImplementedError({sentence})"]
