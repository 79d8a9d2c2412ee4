"""Read a notebook as plain JSON and never refuse one; count what ran, what raised and what is answered in it."""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..files import open_regular

CONFLICT = re.compile(r"^\s*(<{7}|={7}|>{7})(?: .*)?$", re.MULTILINE)
KINDS = ("markdown", "code", "raw")
IGNORED, INPUT_IGNORED, TITLE = "pdf-ignore", "pdf-ignore-input", "pdf-title"
QUESTION, ANSWER = "inline-question", "inline-answer"
PLACEHOLDER = re.compile(r"(?:your )?answer(?: here)?(?: fill this in)?|fill this in", re.IGNORECASE)
ASKS = re.compile(r"^[#*_>\s]*inline\s+question\b", re.IGNORECASE | re.MULTILINE)
ANSWERS = re.compile(r"^[^\w\n]*(?:\$.*)?(?:your\s+)?answer\b[^\w\n]*", re.IGNORECASE | re.MULTILINE)
PICTURE = re.compile(r"!\[[^\]]*\]\((?:[^()]|\([^()]*\))*\)|<[^>]*>")  # or a tag
# an image's data, which may be megabytes
EMBEDDED = re.compile(r'("image/[\w.+-]+"\s*:\s*(?:\[\s*)?"[^"]{40})[^"]{80,}')
WIDGETS = "application/vnd.jupyter.widget-state+json"
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
    """A notebook's cells; where it could not be read, `notice` says why and `raw` is the file's text.

    `widgets` holds the models of its widgets by their ids, as far as their last state was saved.
    """

    path: Path
    cells: list[Cell] = field(default_factory=list)
    language: str = "python"
    notice: str = ""
    raw: str = ""
    widgets: Table = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.stem


@dataclass
class InlineQuestion:
    """An inline question: its heading, its points, and whether the cell after it holds an answer."""

    title: str
    points: str
    answered: bool = False


@dataclass
class Status:
    """The figures of a notebook on the title page."""

    code: int = 0
    ran: int = 0
    counted: bool = False  # whether a cell has an execution count: tools that clean notebooks strip them
    errors: int = 0
    questions: list[InlineQuestion] = field(default_factory=list)
    notice: str = ""

    @property
    def cells(self) -> list[tuple[str, str]]:
        """Return the title page's columns: text, and whether it is good, bad or plain."""
        answered = sum(question.answered for question in self.questions)
        troubles = [f"{self.errors} cell{'s' * (self.errors > 1)} ended with an error"] if self.errors else []
        troubles += [self.notice] if self.notice else []
        ran = f"{self.ran} of {self.code}"
        stripped = self.ran and not self.counted
        return [
            (f"not counted, {ran} with output", "plain")
            if stripped
            else (ran, "bad" if self.ran < self.code else "plain"),
            ("; ".join(troubles) or "none", "bad" if troubles else "plain"),
            (f"{answered} of {len(self.questions)} answered", "bad" if answered < len(self.questions) else "plain")
            if self.questions
            else ("–", "plain"),
        ]


def read(path: Path) -> Notebook:
    """Read a notebook of any version. Raise OSError only when the file itself cannot be read."""
    with open_regular(path) as stream:  # a pipe would be waited for
        text = _decode(stream.read())
    if not text.strip():
        return Notebook(path, notice="This notebook is empty.")
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Notebook(path, notice=_explain(text, error), raw=EMBEDDED.sub(r"\1…", text))
    return from_table(table, path, text)


def from_table(table: object, path: Path, raw: str = "") -> Notebook:
    """Return a notebook from its parsed JSON; `raw` is shown when that is no notebook."""
    if not isinstance(table, dict):
        return Notebook(path, notice="This file is not a notebook: its JSON is not an object.", raw=raw)
    old = isinstance(table.get("worksheets"), list) and "cells" not in table
    cells = _collect_cells(table["worksheets"]) if old else table.get("cells")
    if not isinstance(cells, list):
        return Notebook(path, notice="This file is not a notebook: it has no list of cells.", raw=raw)
    notice = "" if cells else "This notebook has no cells."
    read_cells = [_read_cell(cell, index) for index, cell in enumerate(cells, 1)]
    saved = find_table(table, "metadata", "widgets", WIDGETS)
    widgets = find_table(saved, "state") or saved  # Colab leaves a level out
    return Notebook(path, read_cells, _read_language(table), notice, widgets=widgets)


def infer_questions(notebook: Notebook) -> Notebook:
    """Return a notebook whose questions are tagged; where none is, those are that call themselves inline questions."""
    if any({QUESTION, ANSWER} & set(cell.tags) for cell in notebook.cells):
        return notebook
    cells: list[Cell] = []
    asked = False
    for cell in notebook.cells:
        asks = cell.kind == "markdown" and bool(ASKS.search(cell.source))
        answers = asked and not asks and cell.kind == "markdown" and bool(ANSWERS.match(cell.source))
        asked = asks or (asked and answers)
        tags = [*cell.tags, *[QUESTION] * asks, *[ANSWER] * answers]
        cells.append(replace(cell, metadata={**cell.metadata, "tags": tags}) if asks or answers else cell)
    return replace(notebook, cells=cells)


def join_text(value: object) -> str:
    """Return text of a notebook: a string, or a list of strings joined."""
    if isinstance(value, list):
        value = "".join(part for part in value if isinstance(part, str))
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    text = text.replace("\r\n", "\n")  # which copies no text without any, as an image's megabytes
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def find_table(value: object, *keys: str) -> Table:
    """Return the object of JSON below some keys; an empty one where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _decode(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "replace").replace("\x00", "")


def _explain(text: str, error: Exception) -> str:
    lines = [text.count("\n", 0, found.start(1)) + 1 for found in CONFLICT.finditer(text)]
    if lines:
        where = ", ".join(map(str, lines[:6]))
        return f"This notebook holds marks of an unresolved merge conflict (lines {where}); its raw text follows."
    if text.lstrip()[0] not in "{[":
        return "This file is not a notebook: it does not begin as one. Its raw text follows."
    if isinstance(error, json.JSONDecodeError):
        return (
            f"This notebook is not valid JSON (line {error.lineno}: {error.msg}); it may have been cut off. "
            "Its raw text follows."
        )
    return "This notebook cannot be read: it is nested too deeply. Its raw text follows."


def _collect_cells(sheets: list[object]) -> list[object]:
    """Return the cells of the worksheets of a notebook of version 2 or 3, as those of version 4."""
    found = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)]
    return [_modernise(cell) for cells in found if isinstance(cells, list) for cell in cells]


def _modernise(cell: object) -> object:
    """Return a cell of version 2 or 3 as one of version 4; one that is malformed as it is."""
    from nbformat import from_dict
    from nbformat.v4.convert import upgrade_cell

    try:
        node = from_dict(cell)
        if node.cell_type == "heading":
            node.level = max(1, min(node.get("level", 1), 6))
            node.source = join_text(node.source)
        return upgrade_cell(node)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return cell


def _read_cell(cell: object, index: int) -> Cell:
    if not isinstance(cell, dict):
        return Cell(index, "raw", join_text(cell))
    outputs, kind, count = cell.get("outputs"), cell.get("cell_type"), cell.get("execution_count")
    if kind not in KINDS:
        kind = "markdown" if kind == "heading" else "code" if isinstance(outputs, list) else "raw"
    source = join_text(cell.get("source", cell.get("input"))).replace("\r", "\n")
    return Cell(
        index,
        kind,
        source,
        [output for output in outputs if isinstance(output, dict)] if isinstance(outputs, list) else [],
        find_table(cell, "metadata"),
        find_table(cell, "attachments"),
        count if isinstance(count, int) else None,
    )


def _read_language(table: Table) -> str:
    found = [find_table(table, "metadata", "language_info").get("name")]
    found += [find_table(table, "metadata", "kernelspec").get("language")]
    return next((name.lower() for name in found if isinstance(name, str)), "python")


def read_status(notebook: Notebook) -> Status:
    """Return the status of a notebook."""
    status = Status(notice=notebook.notice)
    below = False  # right below a question or an answer, where people put pictures of one
    for cell in notebook.cells:
        if IGNORED in cell.tags:
            continue
        if QUESTION in cell.tags:
            status.questions.append(_question(cell, len(status.questions) + 1))
            if found := ANSWERS.search(cell.source):  # in the cell of its question
                status.questions[-1].answered = is_answer(cell.source[found.end() :])
        elif status.questions and (
            ANSWER in cell.tags
            or (below and cell.attachments and not re.search(r"[\w#]", PICTURE.sub("", cell.source)))
        ):
            status.questions[-1].answered |= bool(cell.attachments) or is_answer(cell.source)
        below = bool({QUESTION, ANSWER} & set(cell.tags))
        if cell.kind == "code" and cell.source.strip():
            status.code += 1
            status.ran += cell.count is not None or bool(cell.outputs)
            status.counted |= cell.count is not None
            status.errors += any(output.get("output_type") == "error" for output in cell.outputs)
    return status


def is_answer(source: str) -> bool:
    """Return whether a cell holds more than the words that ask for an answer."""
    text = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
    if "![" in text or "<img" in text:
        return True
    words = re.sub(r"[\W_]+", " ", text).strip()
    return bool(words) and not PLACEHOLDER.fullmatch(words)


def _question(cell: Cell, number: int) -> InlineQuestion:
    headings = re.finditer(r"^\s{0,3}#{1,6}\s+(.+?)\s*#*\s*$", cell.source, re.MULTILINE)
    heading = next((found for found in headings if not ANSWERS.match(found[0].strip())), None)
    title = re.sub(r"[*_`$]", "", heading[1]) if heading else f"Inline question {number}"
    points = cell.metadata.get("points")
    worth = f"{points} point{'s' * (points != 1)}" if isinstance(points, int | float) else ""
    return InlineQuestion(title, worth)
