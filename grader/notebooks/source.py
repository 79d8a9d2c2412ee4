"""Read the source of a notebook, a jupytext script in the percent format, as cells, and validate them."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CourseError
from .checkfiles import CALL, suggest

if TYPE_CHECKING:
    from nbformat import NotebookNode

MARK = re.compile(r"# ?%%(\s.*)?")
FORMATTING = {"title", "cell_marker", "lines_to_next_cell", "lines_to_end_of_cell_marker"}  # jupytext's own
UNREADABLE = "incorrectly_encoded_metadata"
TAGS = {"parameters", "proof", "tune", "inline-question", "inline-answer"}
TAGS |= {"figure", "pdf-title", "pdf-ignore", "pdf-ignore-input", "pdf-inline"}
KEYS = {"tags", "question", "points", "exercise", "rubric", "answer"}
WORD = "SOLUTION"  # spelled apart: what students get is searched for markers, and they get this module
BEGIN, END = f"BEGIN {WORD}", f"END {WORD}"
MARKERS = {"code": ("# {}", "# {}"), "markdown": ("<!-- {} -->", "<!-- {} -->")}


@dataclass(frozen=True)
class SourceCell:
    """One cell: `kind` is code or markdown, `line` that of its `# %%` in `file`."""

    kind: str
    text: str
    metadata: dict[str, object]
    file: str
    line: int

    @property
    def tags(self) -> list[str]:
        tags = self.metadata.get("tags", [])
        return [str(tag) for tag in tags] if isinstance(tags, Iterable) else [str(tags)]

    @property
    def place(self) -> str:
        return f"{self.file}, line {self.line}"

    def fault(self, sentence: str) -> CourseError:
        """Return an error that names this cell's place."""
        return CourseError(f"{self.place}: {sentence}")


def load_source(file: Path, name: str) -> list[SourceCell]:
    """Return the cells of a script, which errors call `name`. Raise CourseError where it cannot be read."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise CourseError(f"{name}: cannot be read ({error.strerror}); write it, or fix the manifest") from None
    import jupytext  # takes a second

    nodes: list[NotebookNode] = jupytext.reads(text, fmt="py:percent").cells
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if MARK.fullmatch(line)]
    if len(lines) != len(nodes):
        raise CourseError(f"{name}: its cells cannot be told apart; begin with '# %%' and indent no such line")
    return [_convert(node, name, line) for node, line in zip(nodes, lines)]


def validate(cells: list[SourceCell], checks: Collection[str], seen: dict[str, SourceCell]) -> None:
    """Raise CourseError for the first fault: tags, markers, inline questions, checks.

    `seen` holds the course's inline questions so far; those of these cells are added.
    """
    for cell in cells:
        _validate_metadata(cell)
        _validate_solution(cell)
        for name in CALL.findall(cell.text) if cell.kind == "code" else ():
            if name not in checks:
                raise cell.fault(f"grader.check({name!r}): there is no such check; {suggest(name, checks)}")
    parameters = [cell for cell in cells if "parameters" in cell.tags]
    if len(parameters) > 1:
        raise parameters[1].fault("a second cell tagged parameters; keep one")
    _validate_inline(cells, seen)


def find_solutions(cell: SourceCell) -> list[tuple[int, int]]:
    """Return first and last line of each solution, from 0 on and with markers. Raise CourseError for a lone one."""
    begin, end = (comment.format(word) for comment, word in zip(MARKERS[cell.kind], (BEGIN, END)))
    found: list[tuple[int, int]] = []
    opened: int | None = None
    for number, line in enumerate(cell.text.splitlines()):
        marker = line.strip()
        if marker not in (begin, end):
            continue
        if opened is None and marker == begin:
            opened = number
        elif opened is not None and marker == end:
            found.append((opened, number))
            opened = None
        else:
            raise cell.fault(f"{marker!r} in the cell's line {number + 1} has no partner; add or remove one")
    if opened is not None:
        raise cell.fault(f"{begin!r} in the cell's line {opened + 1} has no partner; add {end!r}")
    return found


def strip_magics(code: str) -> str:
    """Return a cell's code with an empty line for each that only a notebook understands."""
    return "\n".join("" if line.lstrip().startswith(("%", "!", "?")) else line for line in code.splitlines())


def _convert(node: "NotebookNode", file: str, line: int) -> SourceCell:
    metadata = {key: value for key, value in node.metadata.items() if key not in FORMATTING}
    cell = SourceCell(node.cell_type, node.source, metadata, file, line)
    if UNREADABLE in metadata:
        raise cell.fault(f'{metadata[UNREADABLE]!r} is not metadata; write it as tags=["a"] key="text" key=1')
    if cell.kind not in ("code", "markdown"):
        raise cell.fault(f"a cell of kind {cell.kind!r}; use code or [markdown]")
    return cell


def _validate_metadata(cell: SourceCell) -> None:
    for key in cell.metadata:
        if key not in KEYS:
            raise cell.fault(f"{key}: unknown key; choose from {', '.join(sorted(KEYS))}")
    for tag in cell.tags:
        if tag not in TAGS:
            raise cell.fault(f"unknown tag {tag!r}; choose from {', '.join(sorted(TAGS))}")


def _validate_solution(cell: SourceCell) -> None:
    found, answer = find_solutions(cell), "inline-answer" in cell.tags
    if cell.kind == "markdown" and bool(found) != answer:
        remedy = "put the model answer between the markers" if answer else "tag it inline-answer"
        raise cell.fault(f"a solution belongs into an answer's cell, and there must be one; {remedy}")
    exercise = cell.metadata.get("exercise")
    if cell.kind == "code" and found and "tune" not in cell.tags and not exercise:
        raise cell.fault('a solution without exercise="..."; say there what the student is to write')
    if exercise and not found:
        raise cell.fault(f"exercise {exercise!r} without a solution; put it between '# {BEGIN}' and '# {END}'")


def _validate_inline(cells: list[SourceCell], seen: dict[str, SourceCell]) -> None:
    """Require of each question its own id, points, its number in the heading, and one answer cell after it."""
    open_questions: dict[str, SourceCell] = {}
    number = 0
    for cell in cells:
        if "inline-question" in cell.tags:
            number += 1
            name = _validate_question(cell, number)
            if name in seen:
                raise cell.fault(f"question {name!r} stands in {seen[name].place} too; give each an id of its own")
            seen[name] = open_questions[name] = cell
            continue
        asked = cell.metadata.get("question")
        if "inline-answer" in cell.tags:
            question = open_questions.pop(asked, None) if isinstance(asked, str) else None
            if cell.kind != "markdown" or question is None:
                raise cell.fault(f"an answer to question {asked!r}, which is not open here; name the question above it")
        elif asked is not None:
            raise cell.fault(f"question={asked!r} without a tag; add inline-question or inline-answer")
    for name, cell in open_questions.items():
        raise cell.fault(f"question {name!r} has no answer; add a markdown cell tagged inline-answer below it")


def _validate_question(cell: SourceCell, number: int) -> str:
    """Return the id of an inline question."""
    name, points = cell.metadata.get("question"), cell.metadata.get("points")
    if cell.kind != "markdown" or not isinstance(name, str) or not name:
        raise cell.fault('an inline question is a [markdown] cell with question="its-id"; fix its first line')
    if isinstance(points, bool) or not isinstance(points, (int, float)) or points < 0:
        raise cell.fault(f"question {name!r} has no points; add points=2 to its first line")
    if f"### Inline question {number}" not in [line.strip() for line in cell.text.splitlines()]:
        raise cell.fault(f"question {name!r} lacks the heading '### Inline question {number}'; add it, or renumber")
    return name
