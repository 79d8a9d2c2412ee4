"""Show in the terminal how far a command is, then its result: a record's table and sentences, or the isolation."""

import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from ..sandbox.parent.isolation import Isolation, explain_missing_layer
from ..sandbox.policy import LAYERS
from .record import CheckResult, Outcome, Record, sum_points
from .summary import (
    TITLES,
    cause_of,
    count_alike,
    count_noun,
    explain_causes,
    explain_held,
    explain_output,
    group_failures,
    group_rows,
    held_of,
    is_wrong,
    list_hints,
    list_ids,
    list_notes,
    lost_of,
    points_of,
    say_passed,
    select_scored,
)

WIDTH, WIDE = 120, 140  # of lines in a file or a pipe, the wide ones of the isolation's table
LONGEST = 10_000  # of a line of the list in a file or a pipe, where a program may read it
INDENT = 4
HINT = "cyan"
COUNT = "{task.fields[count]}"
REFRESHES = 4  # in a second: the checks of speed share the processor with them


def make_console(width: int | None = None) -> Console:
    """Return what prints to the terminal, or to a file or a pipe, in lines of 120 or of another width."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=width or WIDTH)


class _DoingColumn(ProgressColumn):
    """The column that says what is being done, the only one to be cut where the line is too long."""

    def render(self, task: Task) -> Text:
        return Text(task.description, no_wrap=True, overflow="ellipsis")


class StatusLine:
    """One line below all that is printed, between `with` and its end; outside of it, all calls do nothing."""

    def __init__(self, console: Console | None = None, quiet: bool = False) -> None:
        self.console = console or make_console()
        # a command typed into a notebook's cell has a terminal, but what it shows cannot be taken back
        in_a_cell = "JPY_PARENT_PID" in os.environ
        self._quiet = quiet or in_a_cell or not self.console.is_terminal or self.console.is_dumb_terminal
        self._live: Progress | None = None
        self._doing = "checking"

    def __enter__(self) -> Self:
        if not self._quiet:
            columns = SpinnerColumn(), _DoingColumn(table_column=Column()), BarColumn(16), TextColumn(COUNT)
            self._live = Progress(
                *columns,
                TimeElapsedColumn(),
                console=self.console,
                transient=True,
                refresh_per_second=REFRESHES,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._task = self._live.add_task("starting", total=None, count="")
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def finish(self) -> None:
        """Take the line away, so that something may be asked."""
        if self._live is not None:
            self._live.stop()
        self._live = None

    def step(self, text: str) -> None:
        """Say what is being done; how much of it is left is not known before `count` says so."""
        self._doing = text
        if self._live is not None:
            self._live.update(self._task, description=text, total=None, count="")

    def advance(self, text: str, done: int, total: int) -> None:
        """Say what is being done, and how much of it is done."""
        if self._live is not None:
            self._live.update(self._task, description=text, total=total, completed=done, count=f"{done} of {total}")

    def count(self, checks: Sequence[CheckResult], total: int) -> None:
        """Say how many checks are done, of how many, and how many of them failed."""
        if self._live is not None:
            failed = sum(check.failed for check in checks)
            self.advance(f"{self._doing}, {failed} failed" if failed else self._doing, len(checks), total)


SILENT = StatusLine(quiet=True)


class Indented:
    """A paragraph whose lines begin further to the right, the first one by `first`; none ends with blanks."""

    def __init__(self, text: Text, first: int = INDENT) -> None:
        self._text, self._first = text, first

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        room = options.max_width - INDENT
        for number, line in enumerate(self._text.wrap(console, room)):
            line.rstrip()
            yield Text(" " * (INDENT if number else self._first)) + line


def render_record(record: Record, latest: Sequence[str] = ()) -> RenderableType:
    """Return the whole report: what no check can do without, held points, table, sentences, notes, total.

    What the next step is about comes last of the sentences, so that a short screen shows it.
    """
    causes = [Text(f"{words}\n", style="bold red") for words in explain_causes(record.causes, record.checks)]
    held = [Text(f"{sentence}\n", Outcome.GRADER_ERROR.style) for sentence in filter(None, [explain_held(record)])]
    tables = [table(record)] if record.checks else []
    first = next(filter(is_wrong, record.checks), None)
    latest = latest or ([first.id] if first else [])
    printed = explain_output(record.checks) if record.command != "grade" else ""
    notes = [Text(f"\n{text}") for text in filter(None, [printed, *(note.text for note in list_notes(record))])]
    points = f"{record.score:g} of {record.max_score:g} points{held_of(record.checks)}"
    total = f"\nTotal: {points}; {say_passed(record.checks)} passed in {record.seconds:.1f} s"
    return Group(*causes, *held, *tables, *sentences(record.checks, latest), *notes, Text(total, style="bold"))


def show_record(record: Record, console: Console | None = None, latest: Sequence[str] = ()) -> None:
    """Print the report; the checks of the ids in `latest` speak last."""
    (console or make_console()).print(render_record(record, latest))


def show_list(checks: list[CheckResult]) -> None:
    """Print two lines for each check: id, points and functions, then its title."""
    out = make_console(LONGEST)
    for check in checks:
        points = f"  ({check.points:g}{', hidden' if check.visibility == 'hidden' else ''})  "
        out.print(Text.assemble((check.short_id, "cyan"), points, ", ".join(check.functions)))
        out.print(Indented(Text(check.title)))
    functions = {name for check in checks for name in check.functions}
    counts = f"{count_noun(len(checks), 'check')} of {count_noun(len(functions), 'function')}"
    points = f"{sum_points(check.points for check in checks):g} points"
    out.print(Text(f"\n{counts}, {points}", style="bold"))


def table(record: Record) -> Table:
    """Return one row a question, and under it one a function."""
    rows = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    for name in ("Question", "Points", "Result"):
        rows.add_column(name, justify="right" if name == "Points" else "left", overflow="fold")
    for question in record.questions:
        checks = [check for check in record.checks if check.question == question.id]
        points = f"{question.score:g} / {question.max_score:g}{held_of(checks)}"
        cells = f"{question.id}  {question.title}", points, say_passed(checks)
        rows.add_row(*(Text(cell, style="bold") for cell in cells))
        for name, group in group_rows(checks).items():
            rows.add_row(Text(f"    {name}"), Text(points_of(group)), name_worst(group))
    return rows


def name_worst(checks: list[CheckResult]) -> Text:
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
        titles = [_count_alike(group)] if many else map(_write_title, group)
        lines += [Text(), *(Indented(title, 0) for title in titles), Indented(Text(group[0].message))]
        lines += [Indented(Text.assemble(("hint  ", HINT), words)) for words in list_hints(group)]
        lines += [Indented(Text(list_ids(group), style="cyan"))] * many
    return lines


def _write_title(check: CheckResult) -> Text:
    mark = (f"{check.outcome.word}  ", check.outcome.style)
    return Text.assemble(mark, (check.title, "bold"), f"  ({lost_of([check])})  ", (check.short_id, "cyan"))


def _count_alike(checks: list[CheckResult]) -> Text:
    mark = (f"{checks[0].outcome.word}  ", checks[0].outcome.style)
    questions = ", ".join(dict.fromkeys(check.question for check in checks))
    return Text.assemble(mark, (f"{questions} {count_alike(checks)}", "bold"), f"  ({lost_of(checks)})")


def show_isolation(found: Isolation) -> None:
    """Print layer by layer, where there are any, whether it holds, then the verdict on official grading."""
    out, layered = make_console(WIDE), sys.platform.startswith("linux")
    if layered:
        out.print(_make_layer_table(found))
    for finding in found.findings:
        if finding.layer == "answers":
            words = ("can be read by a worker", "red") if finding.done else ("cannot be read by a worker", "green")
            out.print(Text.assemble(finding.act.removeprefix("read "), " ", words))
    refusal = found.refusal()
    verdict = f"Official grading is refused here: {refusal}." if refusal else "Official grading is possible here."
    out.print(Text("\n" * layered + verdict, style="bold red" if refusal else "bold green"))


def _make_layer_table(found: Isolation) -> Table:
    """Return one row a layer: whether it holds, why not, its purpose; then one for what must work all the same."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Layer", "State", "What was tried", "What it is for"):
        rows.add_column(name, overflow="fold")
    for layer, purpose in LAYERS.items():
        tried = [finding for finding in found.findings if finding.layer == layer]
        active = layer in found.active
        state = Text("active", "green") if active else Text("missing", "red")
        if active:
            story = "; ".join(f"could not {finding.act}" for finding in tried if finding.act)
        else:
            done = [f"could {finding.act}" for finding in tried if finding.done and finding.act]
            story = "; ".join([*done, explain_missing_layer(layer)])
        rows.add_row(layer, state, story, purpose)
    controls = [finding for finding in found.findings if finding.layer == "control"]
    if controls:
        failed = [f"{finding.act}: {finding.answer}" for finding in controls if not finding.done]
        state = Text("broken", "red") if failed else Text("works", "green")
        story = "; ".join(failed) or ", ".join(finding.act for finding in controls)
        rows.add_row("control", state, story, "what every solution needs: lazy imports, matrix products, threads")
    return rows
