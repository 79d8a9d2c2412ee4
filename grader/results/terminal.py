"""Renders the record for the terminal: a table of questions and functions, then a sentence for each failure."""

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from .record import Check, Outcome, Record, by_function, count_passed, explain_held, held_of, points_of


def render(record: Record) -> RenderableType:
    """Return the whole report: held points, table, sentences, total."""
    return Group(*_held(record), table(record), *sentences(record), *notes(record), total(record))


def _held(record: Record) -> list[RenderableType]:
    """Return the sentence on held points."""
    sentence = explain_held(record)
    return [Text(f"{sentence}\n", style=Outcome.GRADER_ERROR.style)] if sentence else []


def show(record: Record, console: Console | None = None) -> None:
    """Print the report, to a file or a pipe in lines of 120."""
    if console is None:
        console = Console(highlight=False)
        console = console if console.is_terminal else Console(highlight=False, width=120)
    console.print(render(record))


def table(record: Record) -> Table:
    """Return one row a question, and under it one a function."""
    rows = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    for name in ("Question", "Points", "Result"):
        rows.add_column(name, justify="right" if name == "Points" else "left", overflow="fold")
    for question in record.questions:
        checks = [check for check in record.checks if check.question == question.id]
        points = f"{question.score:g} / {question.max_score:g}{held_of(checks)}"
        rows.add_row(
            Text(f"{question.id}  {question.title}", style="bold"), Text(points, style="bold"), _passed(checks)
        )
        for function, group in by_function(checks).items():
            rows.add_row(Text(f"    {function}"), Text(points_of(group)), status(group))
    return rows


def status(checks: list[Check]) -> Text:
    """Return the worst outcome of a group in words, with the count where only some are so."""
    worst = min((check.outcome for check in checks), key=list(Outcome).index)
    count = sum(check.outcome is worst for check in checks)
    words = worst.word if count == len(checks) else f"{worst.word} ({count} of {len(checks)})"
    return Text(words, style=worst.style)


def sentences(record: Record) -> list[RenderableType]:
    """Return what the checks that were tried and did not pass have to say; what several say alike is said once."""
    told: dict[tuple[Outcome, str], list[Check]] = {}
    for check in record.checks:
        if check.outcome.told:
            told.setdefault((check.outcome, check.message), []).append(check)
    lines: list[RenderableType] = []
    for (outcome, message), checks in told.items():
        lines.append(Text())
        for check in checks:
            mark = Text(f"{outcome.word}  ", style=outcome.style)
            lines.append(Text.assemble(mark, (f"{check.question} {check.title}", "bold"), f"  ({_lost(check)})"))
        lines.append(Text(f"    {message}"))
    return lines


def _lost(check: Check) -> str:
    if check.held:
        return f"{check.held:g} held"
    return f"{check.score - check.points:g}" if check.score != check.points else "no points lost"


def notes(record: Record) -> list[RenderableType]:
    """Return remarks about the run as a whole."""
    return [Text(f"\n{note.text}") for note in record.notes]


def total(record: Record) -> Text:
    """Return the last line: points, checks, time."""
    passed = count_passed(record.checks)
    points = f"{record.score:g} of {record.max_score:g} points{held_of(record.checks)}"
    text = f"\nTotal: {points}; {passed} of {len(record.checks)} checks passed"
    return Text(f"{text} in {record.seconds:.1f} s", style="bold")


def _passed(checks: list[Check]) -> Text:
    return Text(f"{count_passed(checks)} of {len(checks)} checks", style="bold")
