"""What a notebook's cells must be like: known tags, paired markers, complete inline questions, checks that exist."""

from collections.abc import Collection

from .naming import CHECK, nearest
from .source import Cell

TAGS = {"parameters", "proof", "tune", "inline-question", "inline-answer"}
TAGS |= {"figure", "pdf-title", "pdf-ignore", "pdf-ignore-input", "pdf-inline"}
KEYS = {"tags", "question", "points", "exercise", "rubric", "answer"}
BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
MARKERS = {"code": ("# {}", "# {}"), "markdown": ("<!-- {} -->", "<!-- {} -->")}


def validate(cells: list[Cell], checks: Collection[str], seen: dict[str, Cell]) -> None:
    """Raises ManifestError for the first fault; `seen` holds the course's inline questions so far and gets more."""
    for cell in cells:
        _metadata(cell)
        _solution(cell)
        for name in CHECK.findall(cell.text) if cell.kind == "code" else ():
            if name not in checks:
                raise cell.fault(f"grader.check({name!r}): there is no such check; {nearest(name, checks)}")
    parameters = [cell for cell in cells if "parameters" in cell.tags]
    if len(parameters) > 1:
        raise parameters[1].fault("a second cell tagged parameters; keep one")
    _inline(cells, seen)


def regions(cell: Cell) -> list[tuple[int, int]]:
    """First and last line, from 0 on and with the markers, of each solution; raises ManifestError for a lone marker."""
    begin, end = (comment.format(word) for comment, word in zip(MARKERS[cell.kind], (BEGIN, END)))
    found, opened = [], None
    for number, line in enumerate(cell.text.splitlines()):
        marker = line.strip()
        if marker not in (begin, end):
            continue
        if (marker == begin) == (opened is not None):
            raise cell.fault(f"{marker!r} in the cell's line {number + 1} has no partner; add or remove one")
        if marker == end:
            found.append((opened, number))
        opened = number if marker == begin else None
    if opened is not None:
        raise cell.fault(f"{begin!r} in the cell's line {opened + 1} has no partner; add {end!r}")
    return found


def _metadata(cell: Cell) -> None:
    for key in cell.metadata:
        if key not in KEYS:
            raise cell.fault(f"{key}: unknown key; choose from {', '.join(sorted(KEYS))}")
    for tag in cell.tags:
        if tag not in TAGS:
            raise cell.fault(f"unknown tag {tag!r}; choose from {', '.join(sorted(TAGS))}")


def _solution(cell: Cell) -> None:
    found, answer = regions(cell), "inline-answer" in cell.tags
    if cell.kind == "markdown" and bool(found) != answer:
        remedy = "put the model answer between the markers" if answer else "tag it inline-answer"
        raise cell.fault(f"a solution belongs into an answer's cell, and there must be one; {remedy}")
    exercise = cell.metadata.get("exercise")
    if cell.kind == "code" and found and "tune" not in cell.tags and not exercise:
        raise cell.fault('a solution without exercise="..."; say there what the student is to write')
    if exercise and not found:
        raise cell.fault(f"exercise {exercise!r} without a solution; put it between '# {BEGIN}' and '# {END}'")


def _inline(cells: list[Cell], seen: dict[str, Cell]) -> None:
    """Each question has an id of its own, points, its number in the heading, and one answer cell after it."""
    open_questions: dict[str, Cell] = {}
    number = 0
    for cell in cells:
        name = cell.metadata.get("question")
        if "inline-question" in cell.tags:
            number += 1
            _question(cell, number)
            if name in seen:
                raise cell.fault(f"question {name!r} stands in {seen[name].place} too; give each an id of its own")
            seen[name] = open_questions[name] = cell
        elif "inline-answer" in cell.tags:
            if cell.kind != "markdown" or open_questions.pop(name, None) is None:
                raise cell.fault(f"an answer to question {name!r}, which is not open here; name the question above it")
        elif name is not None:
            raise cell.fault(f"question={name!r} without a tag; add inline-question or inline-answer")
    for name, cell in open_questions.items():
        raise cell.fault(f"question {name!r} has no answer; add a markdown cell tagged inline-answer below it")


def _question(cell: Cell, number: int) -> None:
    name, points = cell.metadata.get("question"), cell.metadata.get("points")
    if cell.kind != "markdown" or not isinstance(name, str) or not name:
        raise cell.fault('an inline question is a [markdown] cell with question="its-id"; mend its first line')
    if isinstance(points, bool) or not isinstance(points, (int, float)) or points < 0:
        raise cell.fault(f"question {name!r} has no points; add points=2 to its first line")
    if f"### Inline question {number}" not in [line.strip() for line in cell.text.splitlines()]:
        raise cell.fault(f"question {name!r} lacks the heading '### Inline question {number}'; add it, or renumber")
