"""Renders the result of a notebook's check cell as text and HTML: one line, then a sentence for each failure."""

from dataclasses import dataclass, field
from html import escape

from .record import Cause, CheckResult, Outcome
from .summary import TITLES, explain_causes, group_failures, held_of, list_hints, list_ids, say_passed

SHOWN = 6
PASSED, NOT_PASSED = "check passed", "check not-passed"
COLOURS = {True: "#009e73", False: "#d55e00"}


@dataclass(frozen=True)
class Judgement:
    """The result of a check cell: the checks that ran, or `trouble`, one sentence, where none could.

    `causes` are the modules that cannot be imported.
    """

    name: str
    question: str = ""
    checks: list[CheckResult] = field(default_factory=list)
    trouble: str = ""
    causes: list[Cause] = field(default_factory=list)
    unwritten: str = ""  # the place of the stub that still stands

    @property
    def passed(self) -> bool:
        """Return whether checks ran, and none leaves anything to do."""
        return bool(self.checks) and all(check.outcome.settled for check in self.checks)

    def __str__(self) -> str:
        return render_text(self)


def render_text(found: Judgement) -> str:
    """Return the result in plain lines."""
    first, *more = _begin(found)
    lines = [f"{found.name}: {first}", *(f"  {line}" for line in more)]
    groups = group_failures(found.checks)
    for checks in groups[:SHOWN]:
        lines += [f"  {checks[0].outcome.word}: {name}" for name in _name(checks)]
        lines += [f"      {line}" for line in checks[0].message.splitlines()]
        lines += [f"      hint: {words}" for words in list_hints(checks)]
    return "\n".join(lines + [f"  {rest}" for rest in _rest(found, groups)])


def render_html(found: Judgement) -> str:
    """Return the same with a coloured edge."""
    head, *more = _begin(found)
    items = [f"<li>{escape(line)}</li>" for line in more]
    groups = group_failures(found.checks)
    for checks in groups[:SHOWN]:
        titles = "<br>".join(f"<b>{checks[0].outcome.word}</b> {escape(name)}" for name in _name(checks))
        message = escape(checks[0].message)
        hints = "".join(f"<br><b>hint</b> {escape(words)}" for words in list_hints(checks))
        items.append(f'<li>{titles}<br><code style="white-space: pre-wrap">{message}</code>{hints}</li>')
    items += [f"<li>{escape(rest)}</li>" for rest in _rest(found, groups)]
    listed = f'<ul style="margin: 4px 0 0 0">{"".join(items)}</ul>' if items else ""
    edge = f"border-left: 4px solid {COLOURS[found.passed]}; padding: 2px 0 2px 12px"
    name = PASSED if found.passed else NOT_PASSED
    first = f"<b>{escape(found.name)}</b>: {escape(head)}"
    return f'<div class="{name}" style="{edge}">{first}{listed}</div>'


def write_headline(found: Judgement) -> str:
    """Say how much of it is right, or why nothing can be said."""
    if found.trouble:
        return f"cannot be checked: {found.trouble}"
    checks = found.checks
    if all(check.outcome is Outcome.NOT_ATTEMPTED for check in checks):
        functions = ", ".join(dict.fromkeys(name for check in checks for name in check.functions))
        place = f" ({found.unwritten})" if found.unwritten else ""
        return f"not attempted; write {functions}{place}, save the file, then run this cell again"
    points = f"{sum(check.score for check in checks):g} of {sum(check.points for check in checks):g} points"
    points += held_of(checks)
    return f"{say_passed(checks)} passed ({points})"


def _name(checks: list[CheckResult]) -> list[str]:
    """Return the titles of checks that say the same, or how many they are, with their ids."""
    if len(checks) <= TITLES:
        return [check.title for check in checks]
    return [f"{len(checks)} checks say the same: {list_ids(checks)}"]


def _begin(found: Judgement) -> list[str]:
    """Return the first lines: what keeps modules from being imported, with how many checks wait, then the headline."""
    causes = explain_causes(found.causes, found.checks)
    return [*(line for words in causes for line in words.splitlines()), write_headline(found)]


def _rest(found: Judgement, groups: list[list[CheckResult]]) -> list[str]:
    more = sum(len(checks) for checks in groups[SHOWN:])
    waiting = sum(check.outcome is Outcome.NOT_ATTEMPTED for check in found.checks)
    lines = [f"and {more} more; python -m grader check -q {found.question} shows them all"] * bool(more)
    return lines + [f"not attempted: {waiting} of the checks"] * (0 < waiting < len(found.checks))
