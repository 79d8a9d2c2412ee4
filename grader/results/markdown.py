"""The record as Markdown, for people who keep or mail reports."""

import re

from . import held
from .outcome import Outcome
from .record import Check, Record
from .terminal import by_function


def render(record: Record) -> str:
    """Held points, a table of questions and functions, then each check that did not pass."""
    sentence = held.sentence(record)
    lines = [
        f"# {_cell(record.assignment)}",
        "",
        f"{_cell(record.submission)}: **{record.score:g} of {record.max_score:g} points{held.beside(record.checks)}**",
        "",
    ]
    lines += [f"**{_cell(sentence)}**", ""] if sentence else []
    lines += [f"- {_cell(note.text)}" for note in record.notes] + [""] * bool(record.notes)
    lines += ["| Question | Points | Passed |", "|---|---:|---:|"]
    for question in record.questions:
        checks = [check for check in record.checks if check.question == question.id]
        name = f"**{_cell(f'{question.id} {question.title}')}**"
        lines.append(_row(name, f"{question.score:g} / {question.max_score:g}{held.beside(checks)}", checks))
        for function, group in by_function(checks).items():
            lines.append(_row(f"`{function}`", held.points(group), group))
    for check in record.checks:
        if check.outcome.told:
            lost = f"{check.held:g} held" if check.held else f"{check.score - check.points:g}"
            title = f"**{check.question} {_cell(check.title)}** ({check.outcome.word}, {lost})"
            lines += ["", title, "", _quoted(check.message)]
    return "\n".join(lines) + "\n"


def _row(name: str, points: str, checks: list[Check]) -> str:
    return f"| {name} | {points} | {sum(c.outcome is Outcome.PASSED for c in checks)} of {len(checks)} |"


def _cell(text: str) -> str:
    """Text on one line in which nothing is read as Markdown or HTML, since file names of a hand-in may be in it."""
    return re.sub(r"([\\`*\[\]<>|&#])", r"\\\1", " ".join(text.split()))


def _quoted(message: str) -> str:
    """Text a student may have had a hand in, indented so that it is shown and never read as Markdown."""
    return "\n".join(f"    {line}" for line in message.splitlines())
