"""Examine a saved notebook for what a grader would miss in it, against its baseline; run nothing."""

import hashlib
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import msgspec

from ..course.manifest import Manifest
from ..notebooks.checkfiles import CALL
from ..notebooks.source import strip_magics
from ..pdf.notebook import ANSWER, IGNORED, QUESTION, Cell, Notebook, Table, is_answer, join_text, read
from .report import Finding, error, name_places, warning

BASELINES = "tests/contents.json"  # among the checks, out of sight in a list of notebooks
FIGURE, PARAMETERS = "figure", "parameters"
STUB = re.compile(r"^\s*raise NotImplementedError\(\s*[\"'](?:\w+: )?(.*?)[\"']\s*\)", re.MULTILINE)
COLAB = "google.colab"
PASSED, NOT_PASSED = 'class="check passed"', 'class="check not-passed"'
AGAIN = "run the whole notebook from its top (Restart Kernel and Run All Cells) and save it"


class Baseline(msgspec.Struct):
    """A notebook as it was given out: headings of questions by id, checks, figures, parameters, digests of texts."""

    questions: dict[str, str] = {}
    checks: list[str] = []
    figures: int = 0
    parameters: str = ""
    texts: list[str] = []


def record_baseline(cells: Iterable[Cell]) -> Baseline:
    """Return the baseline of a notebook from its cells."""
    baseline = Baseline()
    for cell in cells:
        if cell.kind == "markdown":
            baseline.texts.append(digest_text(cell.source))
            if QUESTION in cell.tags:
                baseline.questions[str(cell.metadata.get("question", ""))] = find_heading(cell)
        elif cell.kind == "code":
            baseline.checks += CALL.findall(cell.source)
            baseline.figures += FIGURE in cell.tags
            baseline.parameters = cell.source if PARAMETERS in cell.tags else baseline.parameters
    return baseline


def load_baselines(manifest: Manifest) -> dict[str, Baseline]:
    """Return the baselines by notebook; none where there is no file of them."""
    try:
        return msgspec.json.decode((manifest.path("notebooks") / BASELINES).read_bytes(), type=dict[str, Baseline])
    except (OSError, msgspec.DecodeError):
        return {}


def encode_baselines(baselines: dict[str, Baseline]) -> bytes:
    """Return the content of the file of baselines."""
    return msgspec.json.format(msgspec.json.encode(baselines), indent=1) + b"\n"


def find_heading(cell: Cell) -> str:
    """Return the first line that is a heading, as typed."""
    return next((line.strip() for line in cell.source.splitlines() if line.lstrip().startswith("#")), "")


def digest_text(text: str) -> str:
    """Return a few letters that stand for a text, whatever the space around it."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:12]


def read_code(file: Path) -> str:
    """Return the lines of a notebook's code that Python itself can read; none of one that cannot be opened."""
    try:
        return "\n".join(strip_magics(cell.source) for cell in read(file).cells if cell.kind == "code")
    except OSError:
        return ""


def find_maker(files: Iterable[Path], name: str) -> str:
    """Return the cell that names a file, as `cell 61 (save(model)) of Net.ipynb`; nothing where no notebook does."""
    for file in files:
        for cell in read(file).cells if file.is_file() else ():
            if cell.kind == "code" and name in cell.source:
                return f"{_describe(cell)} of {file.name}"
    return ""


def is_of_another_edition(file: Path, baseline: Baseline) -> bool:
    """Return whether hardly a text is one of those that were given."""
    try:
        texts = {digest_text(cell.source) for cell in read(file).cells if cell.kind == "markdown"}
    except OSError:
        return False
    return bool(texts) and len(texts.intersection(baseline.texts)) * 10 < len(baseline.texts)


def examine_notebook(file: Path, baseline: Baseline) -> list[Finding]:
    """Return everything that is missing in one notebook; of what an empty baseline lacks, nothing is missed."""
    name = file.name
    try:
        notebook = read(file)
    except OSError as problem:
        return [error(name, f"cannot be read ({problem.strerror}); restore it")]
    if notebook.notice:
        reason = re.sub(r"[;.] [Ii]ts raw text follows\.?$", "", notebook.notice).rstrip(".")
        return [error(name, f"{reason[:1].lower()}{reason[1:]}; restore it from a copy or get it anew")]
    cells = [cell for cell in notebook.cells if cell.kind == "code" and _is_work(cell)]
    return [
        *_find_stubs(name, cells),
        *_find_failed_cells(name, cells),
        *_judge_order(name, cells),
        *_find_unanswered(name, notebook, baseline),
        *_judge_checks(name, notebook, baseline),
        *_find_empty_figures(name, cells, baseline),
        *_find_changed_parameters(name, notebook, baseline),
    ]


def _is_work(cell: Cell) -> bool:
    """Return whether a code cell belongs to the work: not hidden from the PDF, not Colab's, not empty."""
    lines = [line.strip() for line in cell.source.splitlines()]
    return any(line and not line.startswith("#") for line in lines) and not (
        IGNORED in cell.tags or COLAB in cell.source
    )


def _was_run(cell: Cell) -> bool:
    return cell.count is not None or bool(cell.outputs)


def _describe(cell: Cell) -> str:
    lines = [line.strip() for line in cell.source.splitlines()]
    first = next((line for line in lines if line and not line.startswith(("#", "%"))), lines[0] if lines else "")
    return f"cell {cell.index} ({first if len(first) <= 40 else f'{first[:40]}…'})"


def _find_stubs(name: str, cells: list[Cell]) -> list[Finding]:
    """Find exercises inside the notebook whose stub is still there."""
    places = dict.fromkeys((match[1], cell.index) for cell in cells for match in STUB.finditer(cell.source))
    return [error(name, f"not written: {exercise} (cell {index}); write it there") for exercise, index in places]


def _find_failed_cells(name: str, cells: list[Cell]) -> list[Finding]:
    """Find cells without a result, and cells that ended with an exception."""
    waiting = [cell for cell in cells if not _was_run(cell)]
    if cells and len(waiting) == len(cells):
        return [error(name, f"was not run: none of its {len(cells)} code cells has a result; {AGAIN}")]
    places = [_describe(cell) for cell in waiting]
    if all(cell.count is None for cell in cells):
        said = f"has results but no execution counts, which show that each cell was run; {AGAIN}"
        found = name_places(warning, name, said, places)
    else:
        said = f"{len(waiting)} of {len(cells)} code cells not run: {{}}; run them and save it"
        found = name_places(error, name, said, places)
    for cell in cells:
        raised = [output for output in cell.outputs if output.get("output_type") == "error"]
        if raised and not STUB.search(cell.source):
            what = str(raised[0].get("ename", "an error"))
            found.append(error(name, f"{_describe(cell)} ended with {what}; fix it, run it again and save"))
    return found


def _judge_order(name: str, cells: list[Cell]) -> list[Finding]:
    """Find counts that fall, or stand twice, which means two runs."""
    counted = [cell for cell in cells if cell.count is not None]
    late = [f"cell {cell.index}" for before, cell in pairwise(counted) if (cell.count or 0) <= (before.count or 0)]
    said = f"not run in order: {{}} before the one above, or in another run; to be safe, {AGAIN}"
    return name_places(warning, name, said, late)


def _find_unanswered(name: str, notebook: Notebook, baseline: Baseline) -> list[Finding]:
    """Find questions without an answer, and questions that are gone."""
    seen: set[str] = set()
    waiting: list[str] = []
    for position, cell in enumerate(notebook.cells):
        question = _identify_question(cell, baseline)
        if question is None:
            continue
        seen.add(question)
        if not _is_answered(notebook.cells[position + 1 :], baseline):
            waiting.append(f"{find_heading(cell).lstrip('# ') or question} (cell {cell.index})")
    gone = [title.lstrip("# ") or key for key, title in baseline.questions.items() if key not in seen]
    remedy = "get that cell from a fresh copy of the notebook, with your answer below it"
    return [
        *name_places(error, name, "no answer to {}; write it into the cell below, and save", waiting),
        *name_places(error, name, f"the cell of {{}} is gone; {remedy}", gone),
    ]


def _identify_question(cell: Cell, baseline: Baseline) -> str | None:
    """Return the id of the inline question that a cell asks, from its tag, or its heading where tags were lost."""
    if cell.kind != "markdown":
        return None
    if QUESTION in cell.tags:
        return str(cell.metadata.get("question", ""))
    titles = {title: key for key, title in baseline.questions.items()}
    return titles.get(find_heading(cell)) if ANSWER not in cell.tags else None


def _is_answered(below: list[Cell], baseline: Baseline) -> bool:
    """Return whether the question's own cell, or one the student put next to it, says something."""
    for cell in below:
        if cell.kind == "code" or QUESTION in cell.tags:
            return False
        own = ANSWER in cell.tags or (baseline.texts and digest_text(cell.source) not in baseline.texts)
        if not own:
            return False
        if is_answer(cell.source) or cell.attachments:
            return True
    return False


def _judge_checks(name: str, notebook: Notebook, baseline: Baseline) -> list[Finding]:
    """Find check cells that are gone, that don't pass, or that show nothing."""
    states: dict[str, str] = {}
    for cell in notebook.cells:
        names = CALL.findall(cell.source) if cell.kind == "code" else []
        shown = "".join(join_text(_read_data(output).get("text/html")) for output in cell.outputs)
        for check in names:
            state = "failing" if NOT_PASSED in shown else "passed" if PASSED in shown else "silent"
            states[check] = state if _was_run(cell) else "not run"
    failing = [check for check, state in states.items() if state == "failing"]
    silent = [check for check, state in states.items() if state == "silent"]
    gone = [check for check in baseline.checks if check not in states]
    return [
        *name_places(warning, name, "checks that do not pass: {}; fix it and run the cell again", failing),
        *name_places(warning, name, "checks that show no result: {}; run the cell again", silent),
        *name_places(warning, name, "checks whose cell is gone: {}", gone),
    ]


def _read_data(output: Table) -> Table:
    data = output.get("data")
    return data if isinstance(data, dict) else {}


def _find_empty_figures(name: str, cells: list[Cell], baseline: Baseline) -> list[Finding]:
    """Find cells that are there to draw something and show nothing."""
    drawing = [cell for cell in cells if FIGURE in cell.tags]
    empty = [_describe(cell) for cell in drawing if _was_run(cell) and not any(map(_is_picture, cell.outputs))]
    found = name_places(warning, name, "no figure below {}; run that cell again and save", empty)
    if len(drawing) < baseline.figures:
        found.append(warning(name, f"{baseline.figures - len(drawing)} of {baseline.figures} cells that draw are gone"))
    return found


def _is_picture(output: Table) -> bool:
    return any(kind.startswith("image/") for kind in _read_data(output))


def _find_changed_parameters(name: str, notebook: Notebook, baseline: Baseline) -> list[Finding]:
    """Find parameters other than those the notebook came with."""
    cells = [cell for cell in notebook.cells if PARAMETERS in cell.tags and cell.kind == "code"]
    given, remedy = baseline.parameters.strip(), "hand in a run with the given ones"
    changed = [_describe(cell) for cell in cells if given and cell.source.strip() != given]
    return name_places(warning, name, f"{{}}: the parameters were changed; {remedy}", changed)
