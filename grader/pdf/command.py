"""Run `python -m grader pdf`: read options, write the file, say what became of it."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..course.manifest import Manifest
from ..errors import PdfError
from ..files import PDF, claim
from ..results.record import write_atomically
from ..submission.package_search import explain_missing_file
from . import convert
from .convert import Options, Result
from .outputs import Limits
from .typesetting import explain_missing_fonts

MOST = 40  # degradations listed one by one


@dataclass(frozen=True)
class PdfRequest:
    """The wishes of the person at the command line."""

    names: list[str]
    date: str = ""
    question_pages: bool = False


def make(manifest: Manifest, out: Path, notebooks: list[Path], request: PdfRequest) -> Result:
    """Write the PDF. Raise OSError, OutputError and PdfError, whose texts say what to do."""
    options = read_options(manifest, request)  # before any work
    sources = notebooks or [manifest.path("notebooks") / f"{name}.ipynb" for name in manifest.notebooks]
    if not sources:
        raise PdfError("no notebooks; name them after the PDF, or list them in the manifest under notebooks")
    for source in sources:
        if not source.is_file():
            raise PdfError(
                f"{source} {explain_missing_file(source, 'put the notebook there or leave it out of the list')}"
            )
    claim(out, PDF, sources)
    result = convert.convert(sources, options)
    write_atomically(out, result.data)
    return result


def read_options(manifest: Manifest, request: PdfRequest) -> Options:
    """Return the options of a document. Raise PdfError for a date that is none."""
    try:
        date = datetime.date.fromisoformat(request.date) if request.date else datetime.date.today()
    except ValueError:
        raise PdfError(f"{request.date!r} is no date; write it as 2026-01-31") from None
    table = manifest.pdf
    return Options(
        title=manifest.title,
        names=", ".join(request.names or _read_names(manifest.root / table.names_file)),
        date=date,
        paper=table.paper,
        question_pages=request.question_pages or table.question_pages,
        limits=Limits(table.output_lines, table.output_characters, table.table_rows),
        megapixels=table.image_megapixels,
        assets=tuple(manifest.root / folder for folder in table.assets),
    )


def show(result: Result, out: Path, console: Console | None = None) -> None:
    """Print the degradations, the losses, and the file with its size."""
    console = console or Console(highlight=False, soft_wrap=True)
    for degradation in result.degradations[:MOST]:
        console.print(Text.assemble(("note ", "yellow"), str(degradation)))
    if len(result.degradations) > MOST:
        console.print(f"and {len(result.degradations) - MOST} more notes")
    if result.missing:
        console.print(explain_missing_fonts(), markup=False)
    for problem in result.problems:
        console.print(Text.assemble(("lost ", "red"), problem))
    size = f"{result.pages} pages, {len(result.data) / 1e6:.1f} MB"
    console.print(
        f"written: {out} ({size}{'' if result.problems else '; reopened and checked'})",
        markup=False,
    )


def _read_names(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return []
