"""Finished work on the toy course: its notebook with outputs and answers, as a student would have saved it."""

import json
from typing import Any

from grader.notebooks import build

PASSED = '<div class="check passed"><b>q1_area</b>: all 12 checks passed</div>'


def finished(course) -> dict[str, Any]:
    """The student's notebook, written, run once from top to bottom, and answered."""
    notebook = build.make_students_notebook(course.manifest, "Rectangles")
    count = 0
    for node in notebook["cells"]:
        source = "".join(node["source"])
        if node["cell_type"] == "markdown":
            node["source"] = source.replace("*Your answer:*", "*Your answer:* rows of unit squares.")
            continue
        lines = ["widths = 1" if "raise NotImplementedError" in line else line for line in source.splitlines()]
        count += 1
        node |= {"source": "\n".join(lines), "execution_count": count, "outputs": []}
        if "grader.check(" in source:
            shown = {"text/html": PASSED, "text/plain": "q1_area: all 12 checks passed"}
            node["outputs"] = [
                {"output_type": "execute_result", "data": shown, "metadata": {}, "execution_count": count}
            ]
    return notebook


def save(course, notebook: dict[str, Any]) -> None:
    """Writes it where the student's notebook lies."""
    course.write("notebooks/Rectangles.ipynb", json.dumps(notebook))


def cell(notebook: dict[str, Any], words: str) -> dict[str, Any]:
    """The code cell with these words."""
    (found,) = [n for n in notebook["cells"] if n["cell_type"] == "code" and words in "".join(n["source"])]
    return found


def tagged(notebook: dict[str, Any], tag: str, number: int) -> dict[str, Any]:
    """One of the cells with a tag, from 0 on."""
    return [node for node in notebook["cells"] if tag in node["metadata"].get("tags", [])][number]


def empty() -> dict[str, Any]:
    """What a cell has that was not run."""
    return {"execution_count": None, "outputs": []}
