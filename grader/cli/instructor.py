"""The commands of whoever teaches with a course: `grade`, `stubs`, `notebooks`, `release` and others."""

import shlex
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..course.editions import choose_edition
from ..course.manifest import Manifest
from ..errors import UsageError
from ..files import MARKDOWN_REPORT, REPORT, claim
from .common import CANNOT_RUN, FAILED, QUESTIONS, choose_questions, find_course, find_whole_course, forbid_together

instructor_commands = typer.Typer()


REPORTS = {  # that `grade` can write: of what kind each is, and in which file it goes
    "gradescope": (REPORT, "results.json"),
    "record": (REPORT, "record.json"),
    "markdown": (MARKDOWN_REPORT, "report.md"),
}


@instructor_commands.command()
def new(folder: Annotated[Path, typer.Argument(help="The folder to make.")]) -> None:
    """Make a small course that runs, to begin your own with."""
    from ..release import bundle

    manifest = bundle.write_course(folder)
    functions = len(manifest.functions())
    typer.echo(f"written: {folder} (a course of {functions} functions, {manifest.points} points)")
    typer.echo(f"Go on with: cd {shlex.quote(str(folder))} && make check; its README.md says what to change")


@instructor_commands.command()
def grade(
    submission: Annotated[Path, typer.Argument(help="A zip or a folder with the student's package.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write; results.json, record.json or report.md by default.")
    ] = None,
    format: Annotated[Literal["gradescope", "record", "markdown"], typer.Option(help="What to write.")] = "gradescope",
    secret_seeds: Annotated[
        int | None,
        typer.Option(min=0, metavar="<number>", help="How many secret seeds to add; the manifest's number by default."),
    ] = None,
    edition: Annotated[
        str, typer.Option(metavar="<name>", help="Grade it as a submission to this edition of the course.")
    ] = "",
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Grade even where student code cannot be isolated; the report says so.")
    ] = False,
) -> None:
    """Grade a submission on public, secret and hidden inputs, and write a report; exit 1 when points are held."""
    from ..grading import submission as grading
    from ..results import terminal
    from ..results.terminal import StatusLine

    manifest = choose_edition(find_whole_course(), edition)
    choose_questions(manifest, None)
    kind, usual = REPORTS[format]
    target = claim(out or Path(usual), kind, [submission])
    with StatusLine() as line:
        result = grading.grade_submission(manifest, submission, target, format, secret_seeds, unsafe=unsafe, line=line)
    terminal.show_record(result)
    typer.echo(f"written: {target}")
    if not result.checks:
        raise typer.Exit(CANNOT_RUN)
    if result.held:
        raise typer.Exit(FAILED)


@instructor_commands.command()
def demo(out: Annotated[Path, typer.Option(help="Where the submission goes.")] = Path("demo.zip")) -> None:
    """Build a submission from the reference with typical mistakes planted, and grade it."""
    from ..grading import mistakes as known

    manifest = find_whole_course()
    choose_questions(manifest, None)
    known.demonstrate(manifest, out)


@instructor_commands.command()
def stubs(
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit 1 when a file differs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that were edited.")] = False,
) -> None:
    """Generate the student's package from the reference."""
    from ..release import student_files as maker

    manifest = find_whole_course()
    forbid_together("--check", {"--force": force and check})
    differing = list(maker.find_stub_drift(manifest)) if check else maker.write_stubs(manifest, force)
    _show_drift(manifest, differing, check, "the reference makes", "stubs")


@instructor_commands.command()
def notebooks(
    names: Annotated[list[str] | None, typer.Argument(help="Only these; all by default.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit 1 when a file differs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite notebooks that were edited or run.")] = False,
    instructor: Annotated[
        Path | None, typer.Option(help="Write notebooks with solutions, model answers and rubrics here instead.")
    ] = None,
) -> None:
    """Generate the notebooks students open, and their check files, from the sources."""
    from ..notebooks import build

    manifest = find_whole_course()
    forbid_together("--check", {"--force": force and check, "--instructor": instructor if check else None})
    forbid_together("--instructor", {"--force": force and instructor is not None})
    if instructor is not None:
        for file in build.write_instructors(manifest, names or [], instructor):
            typer.echo(f"written: {file}")
        return
    differing = (
        build.find_drift(manifest, names or []) if check else build.write_notebooks(manifest, names or [], force)
    )
    _show_drift(manifest, differing, check, "the sources make", "notebooks")


def _show_drift(manifest: Manifest, differing: list[Path], check: bool, source: str, command: str) -> None:
    """Print the files that differ from what their source makes, or did; exit 1 where they still do."""
    for file in differing:
        typer.echo(f"{'differs' if check else 'written'}: {file.relative_to(manifest.root)}")
    count = "1 file" if len(differing) == 1 else f"{len(differing)} files"
    if not differing:
        typer.echo(f"nothing differs from what {source}")
    elif check:
        verb = "differs" if len(differing) == 1 else "differ"
        typer.echo(f"{count} {verb} from what {source}; run: python -m grader {command}")
        raise typer.Exit(FAILED)
    else:
        typer.echo(f"{count} written")


@instructor_commands.command()
def autograder(
    out: Annotated[Path, typer.Option(help="Where the zip goes.")] = Path("autograder.zip"),
    pip_flags: Annotated[
        str | None, typer.Option(metavar="<flags>", help="Flags for pip in the container; the manifest's by default.")
    ] = None,
) -> None:
    """Build the zip that Gradescope runs: the same files make the same bytes."""
    from ..release import bundle

    count = bundle.write_autograder(find_whole_course(), out, pip_flags)
    typer.echo(f"written: {out} ({count} files, {out.stat().st_size / 1e6:.1f} MB)")


@instructor_commands.command()
def gradescope(
    root: Annotated[Path, typer.Option(help="The folder that holds submission/ and results/.")] = Path("/autograder"),
) -> None:
    """Grade the submission in a container as Gradescope lays it out; run_autograder calls this."""
    from ..grading import submission
    from ..results import terminal

    if not root.is_dir():
        raise UsageError(f"{root} is not a folder; give the one that holds submission/ and results/ with --root")
    result = submission.grade_in_container(find_course(), root)
    if result is None:
        typer.echo("not graded: it came too soon after the last ones; results.json says when the next one counts")
    else:
        terminal.show_record(result)


@instructor_commands.command()
def mistakes(
    question: QUESTIONS = None,
    only: Annotated[
        str, typer.Option("--id", metavar="<id>", help="Only the misconception or variant of this id.")
    ] = "",
    listed: Annotated[
        bool, typer.Option("--list", help="List the misconceptions with costs and sentences, and plant none.")
    ] = False,
) -> None:
    """Plant each known mistake into the reference and compare what it costs with what it should cost."""
    from ..grading import mistakes as known

    manifest, wrong = find_whole_course(), 0
    choose_questions(manifest, question)
    if listed:
        known.list_misconceptions(manifest, question or [], only)
        return
    for result in known.try_mistakes(manifest, question or [], only):
        wrong += not result.as_expected
        known.show_trial(result)
    if wrong:
        raise typer.Exit(FAILED)


@instructor_commands.command()
def release(
    out: Annotated[Path, typer.Option(help="Where it goes: a new folder, or a file that ends with .zip.")] = Path(
        "release.zip"
    ),
    colab: Annotated[
        str | None,
        typer.Option(
            metavar="<address>",
            help="Where Colab finds the folder, for links in the notebooks; the manifest's by default.",
        ),
    ] = None,
) -> None:
    """Make what students download, having looked through it for solutions and other secrets."""
    from ..release import bundle
    from ..results.terminal import StatusLine

    with StatusLine() as line:
        files = bundle.write_bundle(find_whole_course(), out, colab, line)
    size = sum(map(len, files.values()))
    typer.echo(f"written: {out} ({len(files)} files, {size / 1e6:.1f} MB; no leak found)")
