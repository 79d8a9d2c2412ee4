"""Tell whether a command may write a file or a folder, and write folders whole."""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .errors import OutputError
from .files import make_printable, open_regular
from .limits import REPORT_BYTES

NOTEBOOK = ".ipynb"
MARKDOWN = re.compile(rb"# [^\n]*\n\n[^\n]*: \*\*[\d.e+-]+ of [\d.e+-]+ points\*\*\n")
REPORTS = ({"assignment", "submission", "checks"}, {"score", "output", "tests"})


def _is_report(start: bytes) -> bool:
    """Return whether this is the JSON of a record or of Gradescope's results."""
    try:
        table = json.loads(start)
    except (ValueError, RecursionError):
        return False
    return isinstance(table, dict) and any(keys <= table.keys() for keys in REPORTS)


KINDS: dict[str, Callable[[bytes], bool]] = {
    "PDF": lambda start: start.startswith(b"%PDF-"),
    "zip": lambda start: start.startswith((b"PK\x03\x04", b"PK\x05\x06")),
    "report of the grader's": _is_report,
    "report in Markdown": lambda start: MARKDOWN.match(start) is not None,
}
PDF, ZIP, REPORT, MARKDOWN_REPORT = KINDS


def claim(out: Path, kind: str, inputs: Iterable[Path] = (), mine: Callable[[bytes], bool] | None = None) -> Path:
    """Return the path itself, where a file of this kind may be written there. Raise OutputError.

    A file that is there already has to be of the kind, or empty. `mine` tells so for kinds that are not in KINDS.
    """
    shown = make_printable(str(out), 400)
    if out.is_dir():
        raise OutputError(f"{shown} is a folder; name a file in it")
    if mine is None and out.suffix.lower() == NOTEBOOK:
        raise OutputError(f"{shown} would be a notebook, and what is written is a {kind}; give another name")
    if any(_same(out, source) for source in inputs):
        raise OutputError(f"{shown} is what this command reads, and would be lost; give another name")
    if not os.path.lexists(out):
        return out
    try:
        with open_regular(out) as stream:
            content = stream.read(REPORT_BYTES)
    except OSError as error:
        raise OutputError(f"{shown} is there already ({error.strerror}); give another name") from None
    if content and not (mine or KINDS[kind])(content):
        raise OutputError(f"{shown} is there already and is no {kind}; move it away, or give another name")
    return out


@contextlib.contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a folder to fill beside its place, and rename it when that is done: `out` is whole or not there.

    Raise OutputError where something is there already.
    """
    claim_folder(out)
    place = out.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent))
    try:
        yield aside
        aside.chmod(0o755)
        if place.is_dir():  # an empty one, which not every system renames over
            place.rmdir()
        aside.replace(place)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise


def claim_folder(out: Path) -> None:
    """Raise OutputError where a new folder cannot be made: its place is taken, or is the current folder."""
    shown = make_printable(str(out), 400)
    if os.path.lexists(out) and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{shown} is there already; remove it first, or give another name")
    if out.resolve() == Path.cwd():
        raise OutputError(f"{shown} is the current folder; give the name of a new one")


def _same(out: Path, source: Path) -> bool:
    try:
        return os.path.samefile(out, source)
    except OSError:
        return out.resolve() == source.resolve()
