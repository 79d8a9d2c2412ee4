"""What the commands share: exit statuses, the option -q, the course of the current folder."""

from pathlib import Path
from typing import Annotated

import typer

from . import manifest as manifests

FAILED, CANNOT_RUN = 1, 2
QUESTIONS = Annotated[list[str] | None, typer.Option("-q", "--question", help="Only this question; repeatable.")]


def course() -> manifests.Manifest:
    """The manifest of the course in which the command is given; raises ManifestError where there is none."""
    return manifests.load(manifests.find(Path.cwd()))
