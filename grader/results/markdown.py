"""Renders the record as Markdown, for people who keep or mail reports."""

import re

from .record import CheckResult, Record
from .summary import (
    cause_of,
    count_passed,
    explain_causes,
    explain_held,
    group_failures,
    group_rows,
    held_of,
    list_hints,
    list_ids,
    lost_of,
    points_of,
)


def render(record: Record) -> str:
    """Return what no check can do without, held points, a table of questions and functions, then what did not pass."""
    sentence = explain_held(record)
    lines = [
        f"# {_cell(record.assignment)}",
        "",
        f"{_cell(record.submission)}: **{record.score:g} of {record.max_score:g} points{held_of(record.checks)}**",
        "",
    ]
    for words in explain_causes(record.causes, record.checks):
        message, *waiting = words.splitlines()
        lines += [f"**{_cell(message)}**", "", *map(_cell, waiting), ""]
    lines += [f"**{_cell(sentence)}**", ""] if sentence else []
    lines += [f"- {_cell(note.text)}" for note in record.notes] + [""] * bool(record.notes)
    lines += ["| Question | Points | Passed |", "|---|---:|---:|"]
    for question in record.questions:
        checks = [check for check in record.checks if check.question == question.id]
        name = f"**{_cell(f'{question.id} {question.title}')}**"
        lines.append(_row(name, f"{question.score:g} / {question.max_score:g}{held_of(checks)}", checks))
        for function, group in group_rows(checks).items():
            lines.append(_row(f"`{function}`", points_of(group), group))
    for checks in group_failures(record.checks):
        first = checks[0]
        title = first.title if len(checks) == 1 else f"{len(checks)} checks: {list_ids(checks, len(checks))}"
        questions = ", ".join(dict.fromkeys(check.question for check in checks))
        told = f"**{questions} {_cell(title)}** ({first.outcome.word}, {lost_of(checks)})"
        lines += ["", told, "", _quoted(first.message)]
        lines += [line for words in list_hints(checks) for line in ("", f"Hint: {_cell(words)}")]
    return "\n".join(lines) + "\n"


def _row(name: str, points: str, checks: list[CheckResult]) -> str:
    cause = cause_of(checks)
    passed = f"waits for `{cause}`" if cause else f"{count_passed(checks)} of {len(checks)}"
    return f"| {name} | {points} | {passed} |"


def _cell(text: str) -> str:
    """Return text on one line in which nothing is read as Markdown or HTML: a submission's file names may be in it."""
    return re.sub(r"([\\`*\[\]<>|&#])", r"\\\1", " ".join(text.split()))


def _quoted(message: str) -> str:
    """Return text a student may have had a hand in, indented so that it is shown and never read as Markdown."""
    return "\n".join(f"    {line}" for line in message.splitlines())
