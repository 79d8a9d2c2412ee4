"""Count which code cells ran, which raised, and which inline questions have an answer."""

import re
from dataclasses import dataclass, field

from .notebook import Cell, Notebook

IGNORED, INPUT_IGNORED, TITLE = "pdf-ignore", "pdf-ignore-input", "pdf-title"
QUESTION, ANSWER = "inline-question", "inline-answer"
PLACEHOLDER = re.compile(r"(?:your )?answer(?: here)?", re.IGNORECASE)


@dataclass
class Question:
    """An inline question: its id, its heading, its points, and whether the cell after it holds an answer."""

    id: str
    title: str
    points: str
    label: str
    answered: bool = False


@dataclass
class Status:
    """The figures of a notebook on the title page."""

    code: int = 0
    ran: int = 0
    errors: int = 0
    questions: list[Question] = field(default_factory=list)
    notice: str = ""

    @property
    def cells(self) -> list[tuple[str, str]]:
        """Return the title page's columns: text, and whether it is good, bad or plain."""
        answered = sum(question.answered for question in self.questions)
        troubles = [f"{self.errors} cell{'s' * (self.errors > 1)} ended with an error"] if self.errors else []
        troubles += [self.notice] if self.notice else []
        return [
            (f"{self.ran} of {self.code}", "bad" if self.ran < self.code else "plain"),
            ("; ".join(troubles) or "none", "bad" if troubles else "plain"),
            (f"{answered} of {len(self.questions)} answered", "bad" if answered < len(self.questions) else "plain")
            if self.questions
            else ("–", "plain"),
        ]


def read_status(notebook: Notebook, prefix: str) -> Status:
    """Return the status of a notebook; labels of its questions begin with the prefix."""
    status = Status(notice=notebook.notice)
    for cell in notebook.cells:
        if IGNORED in cell.tags:
            continue
        if QUESTION in cell.tags:
            status.questions.append(_question(cell, f"{prefix}q{len(status.questions)}", len(status.questions) + 1))
        elif ANSWER in cell.tags and status.questions:
            status.questions[-1].answered |= is_answer(cell.source) or bool(cell.attachments)
        if cell.kind == "code" and cell.source.strip():
            status.code += 1
            status.ran += cell.count is not None or bool(cell.outputs)
            status.errors += any(output.get("output_type") == "error" for output in cell.outputs)
    return status


def is_answer(source: str) -> bool:
    """Return whether a cell holds more than the words that ask for an answer."""
    text = re.sub(r"<!--.*?-->", "", source, flags=re.DOTALL)
    if "![" in text or "<img" in text:
        return True
    words = re.sub(r"[\W_]+", " ", text).strip()
    return bool(words) and not PLACEHOLDER.fullmatch(words)


def _question(cell: Cell, label: str, number: int) -> Question:
    heading = re.search(r"^\s{0,3}#{1,6}\s+(.+?)\s*#*\s*$", cell.source, re.MULTILINE)
    title = re.sub(r"[*_`$]", "", heading[1]) if heading else f"Inline question {number}"
    points = cell.metadata.get("points")
    worth = f"{points} point{'s' * (points != 1)}" if isinstance(points, int | float) else ""
    return Question(str(cell.metadata.get("question", label)), title, worth, label)
