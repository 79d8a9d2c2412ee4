"""What a grader would miss in a notebook, told from its saved cells; nothing is run."""

import re
from itertools import pairwise
from pathlib import Path

from ..pdf.notebook import Cell, Notebook, joined, read
from ..pdf.status import ANSWER, IGNORED, QUESTION, is_answer
from .findings import Finding, error, listed, warning
from .given import CALL, FIGURE, PARAMETERS, Given, digest, heading

STUB = re.compile(r"^\s*raise NotImplementedError\(\s*[\"'](?:\w+: )?(.*?)[\"']\s*\)", re.MULTILINE)
COLAB = "google.colab"
PASSED, NOT_PASSED = 'class="check passed"', 'class="check not-passed"'
AGAIN = "run the whole notebook from its top (Restart Kernel and Run All Cells) and save it"


def examine(file: Path, given: Given | None = None) -> list[Finding]:
    """Everything that is missing in one notebook; what `given` says was there once is missed too."""
    name = file.name
    try:
        notebook = read(file)
    except OSError as problem:
        return [error(name, f"cannot be read ({problem.strerror}); restore it")]
    if notebook.notice:
        reason = re.sub(r"[;.] [Ii]ts raw text follows\.?$", "", notebook.notice).rstrip(".")
        return [error(name, f"{reason[:1].lower()}{reason[1:]}; restore it from a copy or get it anew")]
    cells = [cell for cell in notebook.cells if cell.kind == "code" and _counts(cell)]
    found = [*_written(name, cells), *_run(name, cells)]
    found += [*_order(name, cells), *_inline(name, notebook, given), *_checks(name, notebook, given)]
    return [*found, *_figures(name, cells, given), *_parameters(name, notebook, given)]


def _counts(cell: Cell) -> bool:
    """Whether a code cell belongs to the work: not hidden from the PDF, not Colab's, not empty."""
    lines = [line.strip() for line in cell.source.splitlines()]
    return any(line and not line.startswith("#") for line in lines) and not (
        IGNORED in cell.tags or COLAB in cell.source
    )


def _ran(cell: Cell) -> bool:
    return cell.count is not None or bool(cell.outputs)


def _place(cell: Cell) -> str:
    lines = [line.strip() for line in cell.source.splitlines()]
    first = next((line for line in lines if line and not line.startswith(("#", "%"))), lines[0] if lines else "")
    return f"cell {cell.index} ({first[:40]}{'…' * (len(first) > 40)})"


def _written(name: str, cells: list[Cell]) -> list[Finding]:
    """Exercises inside the notebook whose stub is still there."""
    places = dict.fromkeys((match[1], cell.index) for cell in cells for match in STUB.finditer(cell.source))
    return [error(name, f"not written: {exercise} (cell {index}); write it there") for exercise, index in places]


def _run(name: str, cells: list[Cell]) -> list[Finding]:
    """Cells without a result, and cells that ended with an exception."""
    waiting = [cell for cell in cells if not _ran(cell)]
    if cells and len(waiting) == len(cells):
        return [error(name, f"was not run: none of its {len(cells)} code cells has a result; {AGAIN}")]
    found = []
    if waiting:
        places = listed([_place(cell) for cell in waiting])
        found.append(error(name, f"{len(waiting)} of {len(cells)} code cells not run: {places}; run them and save it"))
    for cell in cells:
        raised = [output for output in cell.outputs if output.get("output_type") == "error"]
        if raised and not STUB.search(cell.source):
            what = str(raised[0].get("ename", "an error"))
            found.append(error(name, f"{_place(cell)} ended with {what}; mend it, run it again and save"))
    return found


def _order(name: str, cells: list[Cell]) -> list[Finding]:
    """Counts that fall, and counts that stand twice, which means two runs."""
    counted = [cell for cell in cells if cell.count is not None]
    late = [cell for before, cell in pairwise(counted) if cell.count < before.count]
    seen: dict[int, list[Cell]] = {}
    for cell in counted:
        seen.setdefault(cell.count, []).append(cell)
    twice = [cell for group in seen.values() if len(group) > 1 for cell in group]
    found = []
    if late:
        places = listed([f"cell {cell.index}" for cell in late])
        found.append(warning(name, f"not run in order: {places} before the one above; to be safe, {AGAIN}"))
    if twice:
        places = listed([f"cell {cell.index}" for cell in twice])
        found.append(warning(name, f"results of more than one run: {places} share a count; to be safe, {AGAIN}"))
    return found


def _inline(name: str, notebook: Notebook, given: Given | None) -> list[Finding]:
    """Questions without an answer, and questions that are gone."""
    found, seen, waiting = [], set(), []
    for position, cell in enumerate(notebook.cells):
        question = _question(cell, given)
        if question is None:
            continue
        seen.add(question)
        if not _answered(notebook.cells[position + 1 :], given):
            waiting.append(f"{heading(cell).lstrip('# ') or question} (cell {cell.index})")
    if waiting:
        found.append(error(name, f"no answer to {listed(waiting)}; write it into the cell below, and save"))
    gone = [title.lstrip("# ") or key for key, title in (given.questions if given else {}).items() if key not in seen]
    if gone:
        remedy = "get that cell from a fresh copy of the notebook, with your answer below it"
        found.append(error(name, f"the cell of {listed(gone)} is gone; {remedy}"))
    return found


def _question(cell: Cell, given: Given | None) -> str | None:
    """The id of the inline question that a cell asks, told from its tag, or from its heading where tags were lost."""
    if cell.kind != "markdown":
        return None
    if QUESTION in cell.tags:
        return str(cell.metadata.get("question", ""))
    titles = {title: key for key, title in (given.questions if given else {}).items()}
    return titles.get(heading(cell)) if ANSWER not in cell.tags else None


def _answered(below: list[Cell], given: Given | None) -> bool:
    """Whether the question's own cell, or one the student put next to it, says something."""
    for cell in below:
        if cell.kind == "code" or QUESTION in cell.tags:
            return False
        own = ANSWER in cell.tags
        if not own and (given is None or digest(cell.source) in given.texts):
            return False
        if is_answer(cell.source) or cell.attachments:
            return True
    return False


def _checks(name: str, notebook: Notebook, given: Given | None) -> list[Finding]:
    """Check cells that are gone, that don't pass, or that show nothing."""
    states: dict[str, str] = {}
    for cell in notebook.cells:
        names = CALL.findall(cell.source) if cell.kind == "code" else []
        shown = "".join(joined(output.get("data", {}).get("text/html")) for output in cell.outputs if _has_data(output))
        for check in names:
            state = "failing" if NOT_PASSED in shown else "passed" if PASSED in shown else "silent"
            states[check] = state if _ran(cell) else "not run"
    gone = [check for check in (given.checks if given else []) if check not in states]
    failing = [check for check, state in states.items() if state == "failing"]
    silent = [check for check, state in states.items() if state == "silent"]
    found = []
    if failing:
        found.append(warning(name, f"checks that do not pass: {listed(failing)}; mend it and run the cell again"))
    if silent:
        found.append(warning(name, f"checks that show no result: {listed(silent)}; run the cell again"))
    if gone:
        found.append(warning(name, f"checks whose cell is gone: {listed(gone)}"))
    return found


def _has_data(output: dict) -> bool:
    return isinstance(output.get("data"), dict)


def _figures(name: str, cells: list[Cell], given: Given | None) -> list[Finding]:
    """Cells that are there to draw something and show nothing."""
    drawing = [cell for cell in cells if FIGURE in cell.tags]
    empty = [cell for cell in drawing if _ran(cell) and not any(map(_is_picture, cell.outputs))]
    found = []
    if empty:
        places = listed([_place(cell) for cell in empty])
        found.append(warning(name, f"no figure below {places}; run that cell again and save"))
    if given and len(drawing) < given.figures:
        found.append(warning(name, f"{given.figures - len(drawing)} of {given.figures} cells that draw are gone"))
    return found


def _is_picture(output: dict) -> bool:
    return _has_data(output) and any(kind.startswith("image/") for kind in output["data"])


def _parameters(name: str, notebook: Notebook, given: Given | None) -> list[Finding]:
    """Parameters other than those the notebook came with."""
    cells = [cell for cell in notebook.cells if PARAMETERS in cell.tags and cell.kind == "code"]
    changed = [cell for cell in cells if given and given.parameters and cell.source.strip() != given.parameters.strip()]
    return [
        warning(name, f"{_place(cell)}: the parameters were changed; hand in a run with the given ones")
        for cell in changed
    ]
