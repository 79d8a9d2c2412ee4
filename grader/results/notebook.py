"""What a check cell of a notebook shows, as text and as HTML: one line, then a sentence for each failure."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from . import held
from .record import Check

if TYPE_CHECKING:
    from ..notebooks.judge import Judgement

SHOWN = 6
PASSED, NOT_PASSED = "check passed", "check not-passed"
COLOURS = {True: "#009e73", False: "#d55e00"}


def text(found: Judgement) -> str:
    """The result in plain lines."""
    lines = [f"{found.name}: {headline(found)}"]
    groups = failures(found.checks)
    for checks in groups[:SHOWN]:
        lines += [f"  {_word(check)}: {check.title}" for check in checks]
        lines += [f"      {line}" for line in checks[0].message.splitlines()]
    return "\n".join(lines + [f"  {rest}" for rest in _rest(found, groups)])


def html(found: Judgement) -> str:
    """The same with a coloured edge."""
    items = []
    groups = failures(found.checks)
    for checks in groups[:SHOWN]:
        titles = "<br>".join(f"<b>{_word(check)}</b> {escape(check.title)}" for check in checks)
        message = escape(checks[0].message)
        items.append(f'<li>{titles}<br><code style="white-space: pre-wrap">{message}</code></li>')
    items += [f"<li>{escape(rest)}</li>" for rest in _rest(found, groups)]
    listed = f'<ul style="margin: 4px 0 0 0">{"".join(items)}</ul>' if items else ""
    edge = f"border-left: 4px solid {COLOURS[found.passed]}; padding: 2px 0 2px 12px"
    name = PASSED if found.passed else NOT_PASSED
    first = f"<b>{escape(found.name)}</b>: {escape(headline(found))}"
    return f'<div class="{name}" style="{edge}">{first}{listed}</div>'


def headline(found: Judgement) -> str:
    """How much of it is right, or why nothing can be said."""
    if found.trouble:
        return f"cannot be checked: {found.trouble}"
    checks = found.checks
    if all(check.outcome == "not_attempted" for check in checks):
        functions = ", ".join(dict.fromkeys(check.function for check in checks))
        place = f" ({found.unwritten})" if found.unwritten else ""
        return f"not attempted; write {functions}{place}, save the file, then run this cell again"
    count = sum(check.outcome == "passed" for check in checks)
    points = f"{sum(check.score for check in checks):g} of {sum(check.points for check in checks):g} points"
    points += held.beside(checks)
    how_many = f"all {count} checks" if count == len(checks) else f"{count} of {len(checks)} checks"
    return f"{how_many} passed ({points})"


def failures(checks: list[Check]) -> list[list[Check]]:
    """The checks that were tried and did not pass, those together that say the same."""
    groups: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        if check.outcome not in ("passed", "not_attempted"):
            groups.setdefault((check.outcome, check.message), []).append(check)
    return list(groups.values())


def _word(check: Check) -> str:
    return check.outcome.replace("_", " ")


def _rest(found: Judgement, groups: list[list[Check]]) -> list[str]:
    more = sum(len(checks) for checks in groups[SHOWN:])
    waiting = sum(check.outcome == "not_attempted" for check in found.checks)
    lines = [f"and {more} more; python -m grader check -q {found.question} shows them all"] * bool(more)
    return lines + [f"not attempted: {waiting} of the checks"] * (0 < waiting < len(found.checks))
