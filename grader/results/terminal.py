"""Renders the record for the terminal: a table of questions and functions, then a sentence for each failure."""

import re
from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from .record import CheckResult, Outcome, Record, sum_points
from .summary import (
    TITLES,
    cause_of,
    count_noun,
    explain_causes,
    explain_held,
    group_failures,
    group_rows,
    held_of,
    list_hints,
    list_ids,
    lost_of,
    points_of,
    say_passed,
    select_scored,
)

WIDTH = 120  # of lines in a file or a pipe
BESIDE = 32  # what stands around a function's name in the table
INDENT = 4
HINT = "cyan"


class Indented:
    """A paragraph whose lines begin further to the right, the first one by `first`; none ends with blanks."""

    def __init__(self, text: Text, first: int = INDENT) -> None:
        self._text, self._first = text, first

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width - INDENT
        for number, line in enumerate(self._text.wrap(console, room)):
            line.rstrip()
            yield Text(" " * (INDENT if number else self._first)) + line


def render(record: Record, width: int = WIDTH, latest: Sequence[str] = ()) -> RenderableType:
    """Return the whole report: what no check can do without, held points, table, sentences, total."""
    tables = [table(record, width)] if record.checks else []
    parts = *_causes(record), *_held(record), *tables, *sentences(record.checks, latest)
    return Group(*parts, *notes(record), total(record))


def _causes(record: Record) -> list[RenderableType]:
    """Return what keeps modules from being imported."""
    return [Text(f"{words}\n", style="bold red") for words in explain_causes(record.causes, record.checks)]


def _held(record: Record) -> list[RenderableType]:
    """Return the sentence on held points."""
    sentence = explain_held(record)
    return [Text(f"{sentence}\n", style=Outcome.GRADER_ERROR.style)] if sentence else []


def make_console() -> Console:
    """Return what prints to the terminal, or to a file or a pipe, in lines of 120."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=WIDTH)


def show(record: Record, console: Console | None = None, latest: Sequence[str] = ()) -> None:
    """Print the report; the checks of the ids in `latest` speak last."""
    console = console or make_console()
    console.print(render(record, console.width, latest))


def show_list(checks: list[CheckResult], console: Console | None = None) -> None:
    """Print two lines for each check: id, points and functions, then its title."""
    out = console or Console(highlight=False, soft_wrap=True)
    for check in checks:
        points = f"  ({check.points:g}{', hidden' if check.visibility == 'hidden' else ''})  "
        out.print(Text.assemble((check.short_id, "cyan"), points, ", ".join(check.functions)))
        out.print(Text(f"    {check.title}"))
    functions = {name for check in checks for name in check.functions}
    counts = f"{count_noun(len(checks), 'check')} of {count_noun(len(functions), 'function')}"
    points = f"{sum_points(check.points for check in checks):g} points"
    out.print(Text(f"\n{counts}, {points}", style="bold"))


def table(record: Record, width: int = WIDTH) -> Table:
    """Return one row a question, and under it one a function, without its module where lines are short."""
    rows = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    for name in ("Question", "Points", "Result"):
        rows.add_column(name, justify="right" if name == "Points" else "left", overflow="fold")
    for question in record.questions:
        checks = [check for check in record.checks if check.question == question.id]
        points = f"{question.score:g} / {question.max_score:g}{held_of(checks)}"
        rows.add_row(
            Text(f"{question.id}  {question.title}", style="bold"), Text(points, style="bold"), _passed(checks)
        )
        for name, group in group_rows(checks).items():
            rows.add_row(Text(f"    {_fit(name, width - BESIDE)}"), Text(points_of(group)), status(group))
    return rows


def _fit(name: str, room: int) -> str:
    """Return a function's name without as many of its first parts as it takes to fit."""
    while len(name) > room and re.match(r"\w+\.\w", name):
        name = name.partition(".")[2]
    return name


def status(checks: list[CheckResult]) -> Text:
    """Return the worst outcome of a group in words, with the count where only some are so; or what it waits for."""
    if cause := cause_of(checks):
        return Text(f"waits for {cause}", style=Outcome.BLOCKED.style)
    checks = select_scored(checks) or checks
    worst = min((check.outcome for check in checks), key=list(Outcome).index)
    count = sum(check.outcome is worst for check in checks)
    words = worst.word if count == len(checks) else f"{worst.word} ({count} of {len(checks)})"
    return Text(words, style=worst.style)


def sentences(checks: Sequence[CheckResult], latest: Sequence[str] = ()) -> list[RenderableType]:
    """Return what the checks that were tried and did not pass have to say; what several say alike is said once."""
    lines: list[RenderableType] = []
    places = {name: place for place, name in enumerate(latest, start=1)}
    groups = group_failures(checks)
    for group in sorted(groups, key=lambda group: max(places.get(check.id, 0) for check in group)):
        many = len(group) > TITLES
        titles = [_count_alike(group)] if many else map(_title, group)
        lines += [Text(), *(Indented(title, 0) for title in titles), Indented(Text(group[0].message))]
        lines += [Indented(Text.assemble(("hint  ", HINT), words)) for words in list_hints(group)]
        lines += [Indented(Text(list_ids(group), style="cyan"))] * many
    return lines


def _title(check: CheckResult) -> Text:
    mark = Text(f"{check.outcome.word}  ", style=check.outcome.style)
    return Text.assemble(mark, (check.title, "bold"), f"  ({lost_of([check])})  ", (check.short_id, "cyan"))


def _count_alike(checks: list[CheckResult]) -> Text:
    mark = Text(f"{checks[0].outcome.word}  ", style=checks[0].outcome.style)
    questions = ", ".join(dict.fromkeys(check.question for check in checks))
    return Text.assemble(mark, (f"{questions} {len(checks)} checks say the same", "bold"), f"  ({lost_of(checks)})")


def notes(record: Record) -> list[RenderableType]:
    """Return remarks about the run as a whole."""
    return [Text(f"\n{note.text}") for note in record.notes]


def total(record: Record) -> Text:
    """Return the last line: points, checks, time."""
    points = f"{record.score:g} of {record.max_score:g} points{held_of(record.checks)}"
    text = f"\nTotal: {points}; {say_passed(record.checks)} passed in {record.seconds:.1f} s"
    return Text(text, style="bold")


def _passed(checks: list[CheckResult]) -> Text:
    return Text(say_passed(checks), style="bold")
