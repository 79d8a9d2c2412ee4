"""The program: all commands together, `--version`, and one sentence with status 2 for what cannot run."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from .. import __version__
from ..errors import ChainruleError
from ..extras import DISTRIBUTION, extra_of, not_installed
from . import student
from .common import CANNOT_RUN

# a shell completes the words of a program by its name, which `python -m grader` has not
INSTALLED = Path(sys.argv[0]).stem == DISTRIBUTION

app = typer.Typer(add_completion=INSTALLED, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app.add_typer(student.app)
if Path(__file__).with_name("instructor.py").is_file():  # students' copies are without
    from . import instructor

    app.add_typer(instructor.app)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{DISTRIBUTION} {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Check, grade and build an assignment."""


def run() -> None:
    """Run a command; what cannot run ends with one sentence on stderr and status 2."""
    for stream in (sys.stdout, sys.stderr):  # a file's name may have no form in the terminal's coding
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except (ChainruleError, OSError) as error:
        _cannot_run(error)
    except ModuleNotFoundError as error:
        if not extra_of(error.name or ""):
            raise
        _cannot_run(not_installed(extra_of(error.name or "")))


def _cannot_run(error: Exception) -> None:
    typer.echo(f"cannot run: {error}", err=True)
    raise SystemExit(CANNOT_RUN) from None
