"""The commands: `python -m grader check`, `grade`, `watch`, `demo`, `stubs`, `notebooks`, `pdf` and others."""

import contextlib
import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from .cli import student as commands_handin
from .cli.common import CANNOT_RUN, FAILED, QUESTIONS, course, writable_path
from .course.manifest import ManifestError
from .outputs import REPORT, OutputError, claim

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.add_typer(commands_handin.app)
if (Path(__file__).parent / "cli/instructor.py").is_file():  # students' copies are without
    from .cli import instructor as commands_instructor

    app.add_typer(commands_instructor.app)


@app.callback()
def main() -> None:
    """Checks, grades and builds an assignment."""


@app.command()
def check(
    student: Annotated[Path | None, typer.Option(help="The package to check; the manifest's by default.")] = None,
    question: QUESTIONS = None,
    keyword: Annotated[str, typer.Option("-k", help="Only checks matching this pytest expression.")] = "",
    function: Annotated[
        list[str] | None, typer.Option(help="Only checks that judge this function; repeatable.")
    ] = None,
    timing: Annotated[bool, typer.Option("--timing/--no-timing", help="Whether to run the checks of speed.")] = True,
    seed: Annotated[
        int | None, typer.Option(help="Draw the inputs from this seed instead of the published one.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the record to this file.")] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Run in one process, so that pdb and prints work; not for grading.")
    ] = False,
) -> None:
    """Checks a student's package and prints points and one sentence for each failed check."""
    from .sandbox.processes import Zygotes

    manifest = course()
    if json is not None:
        claim(json, REPORT)
    first = manifest.question(question[0]) if question else manifest.questions[0]
    with contextlib.closing(Zygotes()) as zygotes:
        zygotes.get(tuple(first.libraries))  # it comes up while the rest of the engine is imported
        from .grading import run
        from .results import record, terminal

        if debug:
            typer.echo("debug: everything runs in one process, without limits or isolation; not for grading", err=True)
        selection = run.Selection(question or [], keyword, timing and not debug, seed, functions=function or [])
        package = _package(student or manifest.path("student"))
        result = run.grade(manifest, package, selection, zygotes=zygotes, debug=debug, keep=True)
    terminal.show(result)
    if json is not None:
        record.write_atomically(json, record.to_json(result))
    if not all(check.outcome.settled for check in result.checks):
        raise typer.Exit(FAILED)


@app.command()
def doctor(
    without: Annotated[
        list[str] | None, typer.Option(help="Leave this layer out, to see what that does; repeatable.")
    ] = None,
) -> None:
    """Tries each layer of isolation in a throwaway worker; exit 1 when official grading would be refused."""
    from .results import doctor as report
    from .sandbox import isolation
    from .sandbox.policy import Policy
    from .sandbox.processes import Zygotes

    manifest = course()
    try:
        policy = Policy.full().without(*without or [])
    except ValueError as error:
        raise ManifestError(str(error)) from None
    with contextlib.closing(Zygotes(policy)) as zygotes:
        found = isolation.probe(zygotes, secrets=manifest.secret_places(), root=manifest.root)
    report.show(found)
    if found.refusal():
        raise typer.Exit(FAILED)


@app.command()
def watch(student: Annotated[Path | None, typer.Option(help="The package to watch.")] = None) -> None:
    """Checks a question again each time one of its files is saved; Ctrl-C ends it."""
    from .grading import watch as watching

    manifest = course()
    watching.watch(manifest, _package(student or manifest.path("student")))


@app.command()
def pdf(
    out: Annotated[Path, typer.Argument(help="Where the PDF goes.")],
    notebooks: Annotated[
        list[Path] | None, typer.Argument(help="The notebooks in order; the manifest's by default.")
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="A name for the title page; repeatable. Else from the names file.")
    ] = None,
    date: Annotated[str, typer.Option(help="The date on the title page, as 2026-01-31; today by default.")] = "",
    question_pages: Annotated[bool, typer.Option("--question-pages", help="One inline question a page.")] = False,
    engine: Annotated[
        str, typer.Option(help="typst, or chromium or xelatex where typst cannot run; these lose something.")
    ] = "typst",
) -> None:
    """Makes one PDF of notebooks, reopens it and checks that nothing is lost; exit 1 when something is."""
    from .pdf import command
    from .results import pdf as report

    result = command.make(course(), out, notebooks or [], command.Wishes(name or [], date, question_pages, engine))
    report.show(result, out)
    if result.problems:
        raise typer.Exit(FAILED)


def _package(folder: Path) -> Path:
    if not folder.is_dir():
        raise ManifestError(f"{folder} is not a folder; give the package's folder with --student")
    return writable_path(folder.resolve())


def run() -> None:
    """Runs a command; what cannot run ends with one sentence on stderr and status 2."""
    from .pdf.errors import PdfError
    from .sandbox.launch import SandboxError

    for stream in (sys.stdout, sys.stderr):  # a file's name may have no form in the terminal's coding
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except (ManifestError, OutputError, SandboxError, PdfError, OSError) as error:
        typer.echo(f"cannot run: {error}", err=True)
        raise SystemExit(CANNOT_RUN) from None


if __name__ == "__main__":
    run()
