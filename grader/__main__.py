"""The program: all commands together, `--version`, and one sentence with status 2 for what cannot run."""

import io
import os
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from . import __version__
from .cli import instructor, staff, student
from .cli.common import CANNOT_RUN, find_course
from .errors import DISTRIBUTION, ChainruleError, explain_not_installed, find_extra

# a shell completes the words of a program by its name, which `python -m grader` has not
INSTALLED = Path(sys.argv[0]).stem == DISTRIBUTION
STUDENTS = {command.callback.__name__ for command in student.student_commands.registered_commands if command.callback}


class _Program(TyperGroup):
    """All commands, of which a student's copy of a course lists its own only."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names that --help shows and a shell completes."""
        names: list[str] = super().list_commands(ctx)
        return names if _can_teach() else [name for name in names if name in STUDENTS]


def _can_teach() -> bool:
    try:
        return find_course().path("reference").is_dir()
    except ChainruleError:
        return True


app = typer.Typer(
    cls=_Program,
    add_completion=INSTALLED,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(student.student_commands)
app.add_typer(instructor.instructor_commands)
app.add_typer(staff.class_commands, name="class")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{DISTRIBUTION} {__version__}")
        raise typer.Exit


@app.callback()
def _begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Check, grade and build an assignment."""


def run() -> None:
    """Run a command; what cannot run ends with one sentence on stderr and status 2."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a second thread of the grader would spin beside a race
    for stream in (sys.stdout, sys.stderr):  # a file's name may have no form in the terminal's coding
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except ChainruleError as error:
        _cannot_run(error)
    except OSError as error:
        place, remedy = error.filename, "see whether it is there, whose it is and whether its disk is full"
        explained = f"{place} cannot be read or written ({error.strerror}); give another place, or {remedy}"
        _cannot_run(explained if place else error)
    except ModuleNotFoundError as error:
        if not find_extra(error.name or ""):
            raise
        _cannot_run(explain_not_installed(find_extra(error.name or "")))


def _cannot_run(error: object) -> None:
    text = f"cannot run: {error}"
    if sys.stderr.isatty():  # which would break a word at its edge
        width = shutil.get_terminal_size().columns
        text = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    typer.echo(text, err=True)
    raise SystemExit(CANNOT_RUN) from None


if __name__ == "__main__":
    run()
