"""Run `python -m grader pdf`: read options, choose an engine that runs, write the file."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from ..course.manifest import Manifest
from ..errors import PdfError, ProgramMissing
from ..outputs import PDF, claim
from ..submission.package_search import explain_missing_file
from . import convert, engines
from .convert import Options, Result
from .outputs import Limits
from .source_map import Degradation


@dataclass(frozen=True)
class PdfRequest:
    """The wishes of the person at the command line."""

    names: list[str]
    date: str = ""
    question_pages: bool = False
    engine: str = engines.FIRST


def make(manifest: Manifest, out: Path, notebooks: list[Path], request: PdfRequest) -> Result:
    """Write the PDF; where the first engine cannot run, try the others and note what they lose.

    Raise OSError, OutputError and PdfError, whose texts say what to do.
    """
    if request.engine not in (engines.FIRST, *engines.OTHERS):
        raise PdfError(
            f"there is no engine {request.engine!r}; choose from {engines.FIRST}, {', '.join(engines.OTHERS)}"
        )
    sources = notebooks or [manifest.path("notebooks") / f"{name}.ipynb" for name in manifest.notebooks]
    if not sources:
        raise PdfError("no notebooks; name them after the PDF, or list them in the manifest under notebooks")
    for source in sources:
        if not source.is_file():
            raise PdfError(
                f"{source} {explain_missing_file(source, 'put the notebook there or leave it out of the list')}"
            )
    claim(out, PDF, sources)
    result = _try_engines(sources, read_options(manifest, request), request.engine)
    convert.write_pdf(out, result.data)
    return result


def read_options(manifest: Manifest, request: PdfRequest) -> Options:
    """Return the options of a document; raise PdfError for a date that is none."""
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


def _read_names(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return []


def _try_engines(sources: list[Path], chosen: Options, engine: str) -> Result:
    if engine != engines.FIRST:
        return engines.convert(engine, sources, chosen)
    try:
        return convert.convert(sources, chosen)
    except PdfError as error:
        reasons = [str(error)]
    for other in engines.OTHERS:
        try:
            result = engines.convert(other, sources, chosen)
        except PdfError as error:
            reasons.append(str(error))
            continue
        result.degradations.insert(0, Degradation(other, 0, f"used because {engines.FIRST} cannot run: {reasons[0]}"))
        return result
    raise ProgramMissing(f"no engine can make the PDF: {'; '.join(reasons)}")
