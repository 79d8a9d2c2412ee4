"""The commands of whoever grades a class."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..course.editions import choose_edition
from ..errors import UsageError
from ..limits import SIMILAR_CUT
from .common import FAILED, choose_questions, find_course, find_whole_course, forbid_together

if TYPE_CHECKING:
    from ..classroom import batch, executors
    from ..course.manifest import Manifest

class_commands = typer.Typer(
    no_args_is_help=True, help="Grade a whole class from an export, and keep what came of it.", rich_markup_mode=None
)

FOLDER = Annotated[Path, typer.Option(metavar="<folder>", help="The folder of the class: store and records.")]
CLASS = Path("class")
JOBS = Annotated[
    int | None,
    typer.Option(min=1, metavar="<number>", help="How many at a time; one a core by default, as memory allows."),
]
SCHEDULER = Annotated[
    str,
    typer.Option(metavar="<address>", help="A Dask scheduler whose workers grade; `local` starts workers here."),
]
UNSAFE = Annotated[
    bool, typer.Option("--unsafe", help="Grade even where student code cannot be isolated; the reports say so.")
]


def name_output(usual: str) -> Any:
    """Return the option of where to write, which by default is a file or folder in the class's."""
    return typer.Option(metavar="<path>", help=f"Where to write; {usual} in the class's folder by default.")


@class_commands.command("grade")
def grade_submissions(
    source: Annotated[
        Path, typer.Argument(help="A Gradescope export, Canvas or Moodle downloads, or a folder of zips or folders.")
    ],
    folder: FOLDER = CLASS,
    jobs: JOBS = None,
    scheduler: SCHEDULER = "",
    unsafe: UNSAFE = False,
) -> None:
    """Grade every submission that is new or has changed, all with the same secret seeds; run it again to go on."""
    from ..classroom import batch, report
    from ..classroom.view import State

    manifest, settings = _prepare(jobs, unsafe, scheduler)
    with _telling() as tell:
        export, tally = batch.grade_class(manifest, source, folder, settings, tell)
    for text in filter(None, [report.explain_left_out(export), *report.describe_run(tally, folder)]):
        typer.echo(text)
    if tally.interrupted or tally.states[State.FAILED]:
        raise typer.Exit(FAILED)


@class_commands.command()
def regrade(
    changed: Annotated[
        bool, typer.Option("--changed", help="What today's checks, manifest, reference or engine may mark otherwise.")
    ] = False,
    held: Annotated[
        bool, typer.Option("--held", help="What a grader error has left with points held, or without a mark.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write the new marks without asking.")] = False,
    folder: FOLDER = CLASS,
    jobs: JOBS = None,
    scheduler: SCHEDULER = "",
    unsafe: UNSAFE = False,
) -> None:
    """Grade again, with the same seeds, and say who gains and loses how much before anything is written."""
    from ..classroom import batch, report
    from ..classroom.view import State

    if changed == held:
        raise UsageError("say what to grade again: --changed or --held")
    manifest, settings = _prepare(jobs, unsafe, scheduler)

    def confirm(changes: list[batch.MarkChange]) -> bool:
        for text in report.describe_changes(changes):
            typer.echo(text)
        with contextlib.suppress(typer.Abort):  # nobody is there to answer
            return any(change.writable for change in changes) and (yes or typer.confirm("Write these marks?"))
        return False

    with _telling(problems=False) as tell:  # the changes name them
        written, tally = batch.regrade_class(manifest, folder, held, settings, tell, confirm)
    typer.echo("written" if written else report.explain_nothing(tally, held))
    if tally.interrupted or tally.states[State.FAILED]:
        raise typer.Exit(FAILED)


def _prepare(jobs: int | None, unsafe: bool, scheduler: str) -> "tuple[Manifest, executors.Settings]":
    from ..classroom import executors

    manifest = _find_class_course()
    choose_questions(manifest, None)
    if jobs and scheduler not in ("", "local"):  # the memory is that of other machines
        return manifest, executors.Settings(jobs, unsafe, scheduler)
    slots, note = executors.count_slots(manifest, jobs)
    if note:
        typer.echo(note, err=True)
    return manifest, executors.Settings(slots, unsafe, scheduler)


def _find_class_course() -> "Manifest":
    """Return the manifest by which a class is graded: that of the edition that Gradescope's container grades."""
    manifest = find_whole_course()
    return choose_edition(manifest, manifest.container.edition)


@contextlib.contextmanager
def _telling(problems: bool = True) -> "Iterator[Callable[[batch.Tally], None]]":
    """Show how far a run is, and print `problems` as they happen."""
    from ..classroom import report
    from ..results.terminal import StatusLine

    with StatusLine() as line:

        def tell(tally: "batch.Tally") -> None:
            line.advance(report.describe_progress(tally), tally.done, tally.chosen)
            problem = report.describe_ending(tally.last) if tally.last and problems else ""
            if problem:
                line.console.print(problem, markup=False, soft_wrap=True)
            if tally.done == tally.chosen:
                line.finish()

        yield tell


@class_commands.command()
def status(folder: FOLDER = CLASS) -> None:
    """Say how far the class is, what this run and earlier ones have graded, and what needs a look."""
    from ..classroom import engine, report
    from ..classroom import store as stores
    from ..classroom.view import StoreView

    with StoreView.open(folder) as store:
        changed = engine.count_changed(store, _find_class_course())
        for text in report.describe_status(store, stores.describe_holder(folder), changed):
            typer.echo(text)


@class_commands.command()
def show(
    who: Annotated[str, typer.Argument(help="A name, number or address of a student, or the name of a submission.")],
    folder: FOLDER = CLASS,
) -> None:
    """Show what came of one submission, as the student's own report does."""
    from ..classroom import report
    from ..classroom.view import State, StoreView
    from ..results import terminal

    with StoreView.open(folder) as store:
        found = store.find(who)
        if not found:
            raise UsageError(report.explain_nobody(store, who))
        for text in report.describe_submission(found[0]) if len(found) == 1 else report.list_found(found, folder):
            typer.echo(text)
        current = [one for one in found if one.state is not State.SUPERSEDED]
        record = store.record(current[0].id) if len(current) == 1 and current[0].state.counts else None
        if record:
            terminal.show_record(record)


@class_commands.command()
def gradebook(
    format: Annotated[
        Literal["csv", "gradescope", "canvas", "moodle"], typer.Option(help="Whose table it is to be.")
    ] = "csv",
    into: Annotated[
        Path | None, typer.Option(metavar="<file>", help="The exported gradebook to fill by ID; it is not changed.")
    ] = None,
    column: Annotated[
        str, typer.Option(metavar="<name>", help="The column in Canvas; that of the course's title by default.")
    ] = "",
    out: Annotated[Path | None, name_output("a file")] = None,
    folder: FOLDER = CLASS,
) -> None:
    """Write everybody's mark as a table, or into the gradebook that Canvas or Moodle exported."""
    from ..classroom import gradebook as tables
    from ..classroom.view import StoreView

    if into and format in tables.TABLES:
        raise UsageError("--into is a gradebook to fill; say whose it is with --format canvas or --format moodle")
    forbid_together(f"--format {format}", {"--column": format != "canvas" and column})
    late = find_course().late
    target = out or folder / f"gradebook-{format}.csv"
    with StoreView.open(folder) as store:
        for line in tables.write_gradebook(store, late, format, target, into, column):
            typer.echo(line)


@class_commands.command()
def page(
    out: Annotated[Path | None, name_output("page.html")] = None,
    folder: FOLDER = CLASS,
) -> None:
    """Write the class as one HTML file that needs no network: scores, checks, misconceptions, students, time."""
    from ..classroom import page as pages
    from ..classroom.view import StoreView

    with StoreView.open(folder) as store:
        written = pages.write_page(store, out or folder / "page.html")
    typer.echo(f"written: {written} ({written.stat().st_size / 1e3:.0f} kB); it holds names and marks")


@class_commands.command()
def feedback(
    out: Annotated[Path | None, name_output("a folder of its own, feedback,")] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Grades are published: show what is to be seen only then.")
    ] = False,
    folder: FOLDER = CLASS,
) -> None:
    """Write a page for the students of each submission, and the results.json that Gradescope reads."""
    from ..classroom import gradebook as pages
    from ..classroom.view import StoreView

    target = out or folder / "feedback"
    with StoreView.open(folder) as store:
        counts = pages.write_feedback(store, find_course(), target, published)
    typer.echo(f"written: {target} ({counts}); give students their feedback.html, and no results.json")


@class_commands.command()
def similar(
    also: Annotated[
        list[Path] | None,
        typer.Option(metavar="<folder>", help="Submissions of a former year to compare with; repeatable."),
    ] = None,
    cut: Annotated[
        float,
        typer.Option(
            min=0.05, max=1, metavar="<number>", help="The share of what is rare in a function that makes it alike."
        ),
    ] = SIMILAR_CUT,
    out: Annotated[Path | None, name_output("similar.html")] = None,
    folder: FOLDER = CLASS,
) -> None:
    """Find submissions whose own functions are alike, and show both texts: a reason to look, no verdict."""
    from ..classroom import similarity
    from ..classroom.view import StoreView
    from ..results.terminal import StatusLine

    with StoreView.open(folder) as store, StatusLine() as line:
        subject = store, _find_class_course(), also or (), out or folder / "similar.html"
        told = list(similarity.write_similar(*subject, cut, line))
    for text in told:
        typer.echo(text)
