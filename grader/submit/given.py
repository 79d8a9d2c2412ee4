"""What a notebook held when the student got it, kept in a file beside the notebooks, to tell what has gone since."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import msgspec

from ..course.manifest import Manifest
from ..notebooks.checkfiles import CALL
from ..pdf.notebook import Cell
from ..pdf.status import QUESTION

FILE = "contents.json"
FIGURE, PARAMETERS = "figure", "parameters"


class Given(msgspec.Struct):
    """Inline questions (heading by id), checks, how many cells draw a figure, the parameters, a digest of each text."""

    questions: dict[str, str] = {}
    checks: list[str] = []
    figures: int = 0
    parameters: str = ""
    texts: list[str] = []


def of(cells: Iterable[Cell]) -> Given:
    """What these cells hold."""
    given = Given()
    for cell in cells:
        if cell.kind == "markdown":
            given.texts.append(digest(cell.source))
            if QUESTION in cell.tags:
                given.questions[str(cell.metadata.get("question", ""))] = heading(cell)
        elif cell.kind == "code":
            given.checks += CALL.findall(cell.source)
            given.figures += FIGURE in cell.tags
            given.parameters = cell.source if PARAMETERS in cell.tags else given.parameters
    return given


def load(manifest: Manifest) -> dict[str, Given]:
    """What each notebook held, by its name; nothing where no file tells."""
    try:
        return msgspec.json.decode((manifest.path("notebooks") / FILE).read_bytes(), type=dict[str, Given])
    except (OSError, msgspec.DecodeError):
        return {}


def to_bytes(contents: dict[str, Given]) -> bytes:
    """The file's content."""
    table: dict[str, Any] = msgspec.to_builtins(contents)
    return (json.dumps(table, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def heading(cell: Cell) -> str:
    """The first line that is a heading, as typed."""
    return next((line.strip() for line in cell.source.splitlines() if line.lstrip().startswith("#")), "")


def digest(text: str) -> str:
    """A few letters that stand for a text, whatever the space around it."""
    return hashlib.sha256(text.strip().encode()).hexdigest()[:12]
