"""What the commands share: exit statuses, the option -q, the course of the current folder."""

from pathlib import Path
from typing import Annotated

import typer

from ..course import manifest as manifests
from ..course.reading import is_utf8, printable

FAILED, CANNOT_RUN = 1, 2
QUESTIONS = Annotated[list[str] | None, typer.Option("-q", "--question", help="Only this question; repeatable.")]


def course() -> manifests.Manifest:
    """The manifest of the course in which the command is given; raises ManifestError where there is none."""
    return manifests.load(writable_path(manifests.find(Path.cwd())))


def writable_path(place: Path) -> Path:
    """The path itself; raises ManifestError where workers could not be told of it, since it is no UTF-8."""
    if not is_utf8(str(place)):
        shown = printable(str(place))
        raise manifests.ManifestError(f"{shown}: its path holds a byte that is no UTF-8; rename that folder")
    return place
