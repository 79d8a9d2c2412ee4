"""The commands: `python -m grader check`, `grade`, `stubs`, `watch`, `demo`, `mistakes`."""

from pathlib import Path
from typing import Annotated

import typer

from . import manifest as manifests
from .manifest import ManifestError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)

FAILED, CANNOT_RUN = 1, 2


@app.callback()
def main() -> None:
    """Checks, grades and builds an assignment."""


@app.command()
def check(
    student: Annotated[Path | None, typer.Option(help="The package to check; the manifest's by default.")] = None,
    question: Annotated[list[str] | None, typer.Option("-q", "--question", help="Only this question; repeatable.")] = None,
    keyword: Annotated[str, typer.Option("-k", help="Only checks matching this pytest expression.")] = "",
    timing: Annotated[bool, typer.Option("--timing/--no-timing", help="Whether to run the checks of speed.")] = True,
    json: Annotated[Path | None, typer.Option("--json", help="Also write the record to this file.")] = None,
    debug: Annotated[bool, typer.Option(help="Run in one process, so that pdb and print work; not for grading.")] = False,
) -> None:
    """Checks a student's package and prints points and one sentence for each failed check."""
    from . import record, run
    from .report import terminal

    manifest = _load()
    selection = run.Selection(question or [], keyword, timing)
    result = run.grade(manifest, _package(student or manifest.path("student")), selection, debug=debug)
    terminal.show(result)
    if json is not None:
        record.write_atomically(json, record.to_json(result))
    if any(check.outcome != "passed" for check in result.checks):
        raise typer.Exit(FAILED)


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
    typer.echo(f"{len(differing)} files {'differ from what the reference makes; run: make stubs' if check else 'written'}")
    if check and differing:
        raise typer.Exit(FAILED)


@app.command()
def mistakes(
    question: Annotated[list[str] | None, typer.Option("-q", "--question", help="Only this question; repeatable.")] = None,
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
    from .sandbox.zygotes import SandboxError

    try:
        app()
    except (ManifestError, SandboxError) as error:
        typer.echo(f"cannot run: {error}", err=True)
        raise SystemExit(CANNOT_RUN) from None


if __name__ == "__main__":
    run()
