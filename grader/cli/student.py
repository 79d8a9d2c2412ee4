"""The commands of everybody who writes code for a course: `check`, `watch`, `preflight`, `submit` and others."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..course.manifest import Manifest
from ..errors import UsageError
from ..files import REPORT, claim, write_atomically
from .common import FAILED, QUESTIONS, choose_questions, find_course, forbid_together, forbid_words, locate_package

if TYPE_CHECKING:
    from ..results.record import Record
    from ..sandbox.parent.zygote_pool import ZygotePool

student_commands = typer.Typer()


KEYWORD = Annotated[
    str,
    typer.Option(
        "-k", metavar="<words>", help="Only checks with this in their id or title; and, or, not, parentheses."
    ),
]
FUNCTION = Annotated[
    list[str] | None,
    typer.Option(metavar="<name>", help="Only checks that judge this function, or what this check judges; repeatable."),
]

NAMES = Annotated[
    list[str] | None,
    typer.Option(metavar="<name>", help="A name for the PDF's title page; repeatable. Else from the names file."),
]
DATE = Annotated[
    str, typer.Option(metavar="<date>", help="The date on the title page, as 2026-01-31; today by default.")
]
QUESTION_PAGES = Annotated[bool, typer.Option("--question-pages", help="One inline question a page.")]


@student_commands.command(context_settings={"allow_extra_args": True})
def check(
    words: typer.Context,
    student: Annotated[Path | None, typer.Option(help="The package to check; the manifest's by default.")] = None,
    question: QUESTIONS = None,
    keyword: KEYWORD = "",
    function: FUNCTION = None,
    timing: Annotated[bool, typer.Option("--timing/--no-timing", help="Whether to run the checks of speed.")] = True,
    seed: Annotated[
        int | None,
        typer.Option(metavar="<number>", help="Draw the inputs from this seed instead of the published one."),
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the record to this file.")] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Run in one process, so that pdb and prints work; not for grading.")
    ] = False,
    first: Annotated[bool, typer.Option("--first", help="Stop at the first failure.")] = False,
    hints: Annotated[
        bool, typer.Option("--hints/--no-hints", help="Whether to name the misconception behind a failure.")
    ] = True,
    listed: Annotated[bool, typer.Option("--list", help="List the checks with their ids and run none.")] = False,
) -> None:
    """Check a student's package and print points and one sentence for each failed check."""
    manifest = find_course()
    choose_questions(manifest, question)
    forbid_words(manifest, words.args)
    wanted: dict[str, Any] = {"questions": question or [], "keyword": keyword, "functions": function or []}
    wanted |= {"timing": timing and not debug, "seed": seed, "first": first}
    if listed:
        others = {"--first": first, "--json": json, "--debug": debug, "--seed": seed is not None, "--student": student}
        forbid_together("--list", others)
        _list(manifest, wanted)
        return
    folder = locate_package(manifest, student)
    if json is not None:
        claim(json, REPORT)
    with _open_zygotes() as zygotes:
        result = _check(manifest, folder, wanted, zygotes, debug, hints)
    from ..results import record, terminal

    terminal.show_record(result)
    if json is not None:
        write_atomically(json, record.to_json(result))
    if not (result.complete and all(check.outcome.settled for check in result.checks)):
        raise typer.Exit(FAILED)


def _list(manifest: Manifest, wanted: dict[str, Any]) -> None:
    from ..checks.choice import Selection
    from ..grading import run
    from ..results import terminal

    terminal.show_list(run.collect_checks(manifest, Selection(**wanted)))


def _open_zygotes() -> contextlib.closing["ZygotePool"]:
    from ..sandbox.parent.zygote_pool import ZygotePool

    return contextlib.closing(ZygotePool())


def _check(
    manifest: Manifest,
    folder: Path,
    wanted: dict[str, Any],
    zygotes: "ZygotePool",
    debug: bool = False,
    hints: bool = True,
) -> "Record":
    first = choose_questions(manifest, wanted["questions"])[0]
    zygotes.get(tuple(first.libraries))  # it comes up while the rest of the engine is imported
    from ..results.terminal import StatusLine

    with StatusLine(quiet=debug) as line:
        from ..checks.choice import Selection
        from ..grading import run
        from ..grading.hints import Failures, Hints

        if debug:
            typer.echo("debug: everything runs in one process, without limits or isolation; not for grading", err=True)
        selection = Selection(**wanted)
        namer = Hints(manifest, Failures.read(manifest)) if hints else None
        subject = manifest, folder, selection
        return run.grade_package(*subject, zygotes=zygotes, debug=debug, keep=True, tell=line.count, hints=namer)


@student_commands.command(hidden=True)
def cells() -> None:
    """Run the checks that a notebook's cells ask for on stdin, and answer on stdout, until the kernel ends."""
    from ..notebooks.checkfiles import answer_cells

    with _open_zygotes() as zygotes:

        def check(question: str, function: str) -> "Record":
            manifest = find_course()
            wanted = {"questions": [question], "functions": [function]}
            return _check(manifest, locate_package(manifest, None), wanted, zygotes)

        answer_cells(check)


@student_commands.command()
def doctor(
    without: Annotated[
        list[str] | None,
        typer.Option(metavar="<layer>", help="Leave this layer out, to see what that does; repeatable."),
    ] = None,
) -> None:
    """Try each layer of isolation in a throwaway worker; exit 1 when official grading would be refused."""
    from ..results import terminal
    from ..sandbox.parent import isolation
    from ..sandbox.parent.zygote_pool import ZygotePool
    from ..sandbox.policy import Policy

    manifest = find_course()
    try:
        policy = Policy.full().without(*without or [])
    except ValueError as error:
        raise UsageError(str(error)) from None
    with contextlib.closing(ZygotePool(policy)) as zygotes:
        found = isolation.probe(zygotes, secrets=manifest.secret_places(), root=manifest.root)
    terminal.show_isolation(found)
    if found.refusal():
        raise typer.Exit(FAILED)


@student_commands.command(context_settings={"allow_extra_args": True})
def watch(
    words: typer.Context,
    student: Annotated[Path | None, typer.Option(help="The package to watch; the manifest's by default.")] = None,
    question: QUESTIONS = None,
    keyword: KEYWORD = "",
    function: FUNCTION = None,
) -> None:
    """Check again each time a file is saved, the function just edited first, and say what changed; Ctrl-C ends it."""
    manifest = find_course()
    choose_questions(manifest, question)
    forbid_words(manifest, words.args)
    folder = locate_package(manifest, student)
    from ..checks.choice import Selection
    from ..grading import watch as watching

    selection = (
        Selection(question or [], keyword, functions=function or []) if question or keyword or function else None
    )
    watching.watch_package(manifest, folder, selection)


@student_commands.command()
def pdf(
    out: Annotated[Path, typer.Argument(help="Where the PDF goes.")],
    notebooks: Annotated[
        list[Path] | None,
        typer.Argument(help="The notebooks in order; the manifest's by default."),
    ] = None,
    name: NAMES = None,
    date: DATE = "",
    question_pages: QUESTION_PAGES = False,
) -> None:
    """Make one PDF of notebooks, reopen it and check that nothing is lost; exit 1 when something is."""
    from ..pdf import convert

    result = convert.make(find_course(), out, notebooks or [], convert.PdfRequest(name or [], date, question_pages))
    convert.show_result(result, out)
    if result.problems:
        raise typer.Exit(FAILED)


@student_commands.command()
def preflight() -> None:
    """Say what a grader would miss in the notebooks and the package; exit 1 when something would keep it back."""
    from ..submit import report
    from ..submit import submit as making

    findings = making.examine_submission(find_course())
    report.show_findings(findings)
    if report.select_errors(findings):
        raise typer.Exit(FAILED)


@student_commands.command()
def submit(
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Hand in what is there, with all that is missing noted in the zip.")
    ] = False,
    name: NAMES = None,
    date: DATE = "",
    question_pages: QUESTION_PAGES = False,
) -> None:
    """Make the zip and the PDF to hand in, or say what is missing; exit 0 only when both are there and good."""
    from ..pdf.convert import PdfRequest
    from ..results.terminal import StatusLine
    from ..submit import report
    from ..submit import submit as making

    manifest = find_course()
    request = PdfRequest(name or [], date, question_pages)
    with StatusLine() as line:

        def tell(step: str) -> None:
            line.console.print(f"{step} …", markup=False)
            line.step("working")

        made = making.make_submission(manifest, request, anyway, tell)
    report.show_submission(manifest, made)
    if not made.placed:
        raise typer.Exit(FAILED)
    typer.echo(report.say_done(manifest))
