"""The commands of whoever grades a class."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .common import find_course, forbid_together

class_commands = typer.Typer(
    no_args_is_help=True, help="Grade a whole class from an export, and keep what came of it.", rich_markup_mode=None
)

FOLDER = Annotated[Path, typer.Option(metavar="<folder>", help="The folder of the class: store and records.")]
CLASS = Path("class")


class Gradebook(StrEnum):
    """The gradebooks that `class gradebook` writes."""

    csv = "csv"
    gradescope = "gradescope"
    canvas = "canvas"
    moodle = "moodle"


@class_commands.command()
def gradebook(
    format: Annotated[Gradebook, typer.Option(help="Whose table it is to be.")] = Gradebook.csv,
    into: Annotated[
        Path | None, typer.Option(metavar="<file>", help="The exported gradebook to fill by ID; it is not changed.")
    ] = None,
    column: Annotated[
        str, typer.Option(metavar="<name>", help="The column in Canvas; that of the course's title by default.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(metavar="<file>", help="Where to write; a file in the class's folder by default.")
    ] = None,
    folder: FOLDER = CLASS,
) -> None:
    """Write everybody's mark as a table, or into the gradebook that Canvas or Moodle exported."""
    from ..classroom import gradebook as tables
    from ..classroom.view import StoreView

    forbid_together(f"--format {format.value}", {"--into": format.value in tables.TABLES and into})
    forbid_together(f"--format {format.value}", {"--column": format is not Gradebook.canvas and column})
    late = find_course().late
    target = out or folder / f"gradebook-{format.value}.csv"
    with StoreView.open(folder) as store:
        for line in tables.write_gradebook(store, late, format.value, target, into, column):
            typer.echo(line)
