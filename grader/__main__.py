"""The commands: `python -m grader check`, `grade`, `watch`, `demo`, `stubs`, `mistakes`, `autograder`, `gradescope`."""

import contextlib
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from . import manifest as manifests
from .manifest import ManifestError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

FAILED, CANNOT_RUN = 1, 2
QUESTIONS = Annotated[list[str] | None, typer.Option("-q", "--question", help="Only this question; repeatable.")]


class Format(StrEnum):
    """The reports `grade` can write."""

    gradescope = "gradescope"
    record = "record"
    markdown = "markdown"


FILES = {Format.gradescope: "results.json", Format.record: "record.json", Format.markdown: "report.md"}


@app.callback()
def main() -> None:
    """Checks, grades and builds an assignment."""


@app.command()
def check(
    student: Annotated[Path | None, typer.Option(help="The package to check; the manifest's by default.")] = None,
    question: QUESTIONS = None,
    keyword: Annotated[str, typer.Option("-k", help="Only checks matching this pytest expression.")] = "",
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

    manifest = _load()
    first = manifest.question(question[0]) if question else manifest.questions[0]
    with contextlib.closing(Zygotes()) as zygotes:
        zygotes.get(tuple(first.libraries))  # it comes up while the rest of the engine is imported
        from . import record, run
        from .report import terminal

        if debug:
            typer.echo("debug: everything runs in one process, without limits or isolation; not for grading", err=True)
        selection = run.Selection(question or [], keyword, timing and not debug, seed)
        package = _package(student or manifest.path("student"))
        result = run.grade(manifest, package, selection, zygotes=zygotes, debug=debug, keep=True)
    terminal.show(result)
    if json is not None:
        record.write_atomically(json, record.to_json(result))
    if any(check.outcome != "passed" for check in result.checks):
        raise typer.Exit(FAILED)


@app.command()
def grade(
    submission: Annotated[Path, typer.Argument(help="A zip or a folder with the student's package.")],
    out: Annotated[
        Path | None, typer.Option(help="Where to write; results.json, record.json or report.md by default.")
    ] = None,
    format: Annotated[Format, typer.Option(help="What to write.")] = Format.gradescope,
    secret_seeds: Annotated[
        int | None, typer.Option(min=0, help="How many secret seeds to add; the manifest's number by default.")
    ] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="Grade even where student code cannot be isolated; the report says so.")
    ] = False,
) -> None:
    """Grades a hand-in on the published inputs, on secret ones and on the hidden checks, and writes a report."""
    from . import grading
    from .report import terminal

    manifest = _load()
    target = out or Path(FILES[format])
    result = grading.grade_submission(manifest, submission, target, format.value, secret_seeds, unsafe=unsafe)
    terminal.show(result)
    typer.echo(f"written: {out or FILES[format]}")
    if not result.checks:
        raise typer.Exit(CANNOT_RUN)


@app.command()
def doctor(
    without: Annotated[
        list[str] | None, typer.Option(help="Leave this layer out, to see what that does; repeatable.")
    ] = None,
) -> None:
    """Tries each layer of isolation in a throwaway worker; exit 1 when official grading would be refused."""
    from .report import doctor as report
    from .sandbox import isolation
    from .sandbox.policy import Policy
    from .sandbox.processes import Zygotes

    manifest = _load()
    try:
        policy = Policy.full().without(*without or [])
    except ValueError as error:
        raise ManifestError(str(error)) from None
    with contextlib.closing(Zygotes(policy)) as zygotes:
        found = isolation.probe(zygotes, secrets=isolation.secrets(manifest.path("reference"), manifest.path("hidden")))
    report.show(found)
    if found.refusal():
        raise typer.Exit(FAILED)


@app.command()
def watch(student: Annotated[Path | None, typer.Option(help="The package to watch.")] = None) -> None:
    """Checks a question again each time one of its files is saved; Ctrl-C ends it."""
    from . import watch as watching

    manifest = _load()
    watching.watch(manifest, _package(student or manifest.path("student")))


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Where the hand-in goes.")] = Path("demo.zip")) -> None:
    """Builds a hand-in from the reference with typical mistakes planted, and grades it."""
    from . import demo as show

    show.run(_load(), out)


@app.command()
def stubs(
    check: Annotated[bool, typer.Option("--check", help="Only compare; exit 1 when a file differs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that were edited.")] = False,
) -> None:
    """Generates the student's package from the reference."""
    from .release import stubs as maker

    manifest = _load()
    differing = maker.drift(manifest) if check else maker.write(manifest, force)
    for file in differing:
        typer.echo(f"{'differs' if check else 'written'}: {file.relative_to(manifest.root)}")
    typer.echo(
        f"{len(differing)} files {'differ from what the reference makes; run: make stubs' if check else 'written'}"
    )
    if check and differing:
        raise typer.Exit(FAILED)


@app.command()
def autograder(
    out: Annotated[Path, typer.Option(help="Where the zip goes.")] = Path("autograder.zip"),
    pip_flags: Annotated[
        str | None, typer.Option(help="Flags for pip in the container; the manifest's by default.")
    ] = None,
) -> None:
    """Builds the zip that Gradescope runs: the same files make the same bytes."""
    from .release import autograder as maker

    count = maker.write(_load(), out, pip_flags)
    typer.echo(f"written: {out} ({count} files, {out.stat().st_size / 1e6:.1f} MB)")


@app.command()
def gradescope(
    root: Annotated[Path, typer.Option(help="The folder that holds submission/ and results/.")] = Path("/autograder"),
) -> None:
    """Grades the submission in a container as Gradescope lays it out; run_autograder calls this."""
    from . import container
    from .report import terminal

    result = container.grade(_load(), root)
    if result is None:
        typer.echo("not graded: it came too soon after the last ones; results.json says when the next one counts")
    else:
        terminal.show(result)


@app.command()
def mistakes(
    question: QUESTIONS = None,
    only: Annotated[str, typer.Option("--id", help="Only the mistake of this id.")] = "",
) -> None:
    """Plants each known mistake into the reference and compares what it costs with what it should cost."""
    import tempfile

    from . import mistakes as known
    from .checks.context import Zygotes
    from .report import trials

    manifest = _load()
    zygotes, wrong = Zygotes(), 0
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        for name in [manifest.question(q).id for q in question or [q.id for q in manifest.questions]]:
            for mistake in [m for m in known.load(manifest, name) if only in ("", m.id)]:
                result = known.trial(manifest, mistake, name, Path(folder), zygotes)
                wrong += not result.as_expected
                trials.show(result)
    zygotes.close()
    if wrong:
        raise typer.Exit(FAILED)


def _package(folder: Path) -> Path:
    if not folder.is_dir():
        raise ManifestError(f"{folder} is not a folder; give the package's folder with --student")
    return folder.resolve()


def _load() -> manifests.Manifest:
    return manifests.load(manifests.find(Path.cwd()))


def run() -> None:
    """Runs a command; what cannot run ends with one sentence on stderr and status 2."""
    from .sandbox.launch import SandboxError

    try:
        app()
    except (ManifestError, SandboxError, OSError) as error:
        typer.echo(f"cannot run: {error}", err=True)
        raise SystemExit(CANNOT_RUN) from None


if __name__ == "__main__":
    run()
