"""Convert notebooks to one checked PDF: read, set, compile, reopen."""

import datetime
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from ..course.manifest import Manifest
from ..course.schema import Pdf
from ..errors import PdfError
from ..files import PDF, claim, list_lines, list_some, write_atomically
from ..submission.package_search import explain_missing_file
from . import formulas, verify
from . import notebook as notebooks
from .chapter import Chapter
from .images import Images
from .lines import quote
from .notebook import Notebook
from .typesetting import Block, Compiler, Degradation, choose_fonts, explain_missing_fonts, show_by_number

MOST = 40  # degradations listed one by one
NAMED = 12  # characters without a font that are named one by one
TEMPLATE = Path(__file__).with_name("template.typ")


@dataclass(frozen=True)
class PdfRequest:
    """The wishes of the person at the command line."""

    names: list[str]
    date: str = ""
    question_pages: bool = False


@dataclass(frozen=True)
class Options:
    """How the PDF is made; missing images are looked for by name in the folders of `assets`."""

    title: str = "Notebooks"
    names: str = ""
    date: datetime.date = field(default_factory=datetime.date.today)
    settings: Pdf = field(default_factory=Pdf)
    assets: tuple[Path, ...] = ()


@dataclass
class Result:
    """The PDF, its degradations, and the problems found in it."""

    data: bytes
    pages: int
    degradations: list[Degradation]
    problems: list[str]
    missing: set[str] = field(default_factory=set)


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
    result = convert(sources, options)
    write_atomically(out, result.data)
    return result


def read_options(manifest: Manifest, request: PdfRequest) -> Options:
    """Return the options of a document. Raise PdfError for a date that is none."""
    settings = manifest.pdf
    return Options(
        title=manifest.title,
        names=", ".join(request.names or _read_names(manifest.root / settings.names_file)),
        date=read_date(request.date),
        settings=msgspec.structs.replace(settings, question_pages=request.question_pages or settings.question_pages),
        assets=tuple(manifest.root / folder for folder in settings.assets),
    )


def read_date(text: str) -> datetime.date:
    """Return the date of a text, today's of an empty one. Raise PdfError for a date that is none."""
    try:
        return datetime.date.fromisoformat(text) if text else datetime.date.today()
    except ValueError:
        raise PdfError(f"{text!r} is no date; write it as 2026-01-31") from None


def _read_names(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return []


def convert(sources: Sequence[Path | Notebook], options: Options) -> Result:
    """Return the PDF of some notebooks, reopened and checked. Raise OSError and PdfError."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        root = Path(folder).resolve()
        read = [source if isinstance(source, Notebook) else notebooks.read(source) for source in sources]
        chapters = build_chapters(read, options, root)
        data, missing, degradations = _set_pages(options, chapters, root)
    pages, problems = verify.verify_pdf(data, chapters, missing)
    degradations += [degradation for chapter in chapters for degradation in chapter.list_degradations()]
    return Result(data, pages, degradations, problems, missing)


def build_chapters(read: list[Notebook], options: Options, root: Path) -> list[Chapter]:
    """Return the chapters of notebooks, whose images go to folders in `root`; pandoc does each step for all at once."""
    chapters = []
    for number, notebook in enumerate(read):
        folder = root / f"n{number}"
        folder.mkdir()
        images = Images(folder, notebook.path.parent, options.assets, options.settings.image_megapixels)
        chapters.append(Chapter(notebook, images, options.settings))
    formulas.typeset_formulas([chapter.aside.formulas for chapter in chapters])
    for chapter in chapters:
        chapter.build()
    return chapters


def _set_pages(options: Options, chapters: list[Chapter], root: Path) -> tuple[bytes, set[str], list[Degradation]]:
    """Return the PDF, the characters that no font has, and where they stand. Raise CannotSet and ProgramMissing."""
    parts = [(chapter.notebook.name, _open_chapter(chapter) + chapter.blocks) for chapter in chapters]
    blocks = [Block("#title-page()"), *(block for _, part in parts for block in part)]
    front = Block(json.dumps(_describe_front(options, chapters), ensure_ascii=False))
    drawn = (chapter.images.drawn for chapter in chapters)
    fonts = choose_fonts(set().union(*(set(block.text) for block in [front, *blocks]), *drawn))
    degradations = [
        Degradation(name, block.cell, f"no font has {_name_characters(found)}")
        for name, part in [("title page", [front]), *parts]
        for block in part
        if fonts.missing and (found := sorted(fonts.missing.intersection(block.text)))
    ]
    (root / "front.json").write_text(show_by_number(front.text, fonts.missing), encoding="utf-8")
    (root / "fonts.json").write_text(json.dumps(fonts.families), encoding="utf-8")
    data = Compiler(TEMPLATE.read_text("utf-8"), root, fonts).compile(blocks, options.date)
    return data, fonts.missing, degradations


def _describe_front(options: Options, chapters: list[Chapter]) -> dict[str, object]:
    """Return what the title page shows besides the questions, which it finds in the document."""
    return {
        "title": options.title,
        "names": options.names,
        "date": options.date.isoformat(),
        "paper": options.settings.paper,
        "rows": [{"target": one.prefix, "name": one.notebook.name, "cells": one.status.cells} for one in chapters],
    }


def _open_chapter(chapter: Chapter) -> list[Block]:
    name = chapter.notebook.path.name
    title = chapter.title or chapter.notebook.name
    return [
        Block(f"#set page(header: running({quote(name)}))"),
        Block(f"#opening({quote(title)}, {quote(name)})<{chapter.prefix}>"),
    ]


def _name_characters(characters: list[str]) -> str:
    """Return characters with their code points, the first ones of many."""
    points = [(character, f"U+{ord(character):04X}") for character in characters]
    names = [f"{character} ({point})" if character.isprintable() else point for character, point in points]
    return list_some(names, NAMED)


def show_result(result: Result, out: Path, console: Console | None = None) -> None:
    """Print the degradations, the losses, and the file with its size."""
    console = console or Console(highlight=False, soft_wrap=True)
    for note in list_lines([*map(str, result.degradations)], MOST):
        console.print(Text.assemble(("note ", "yellow"), note))
    if result.missing:
        console.print(explain_missing_fonts(), markup=False)
    for problem in result.problems:
        console.print(Text.assemble(("lost ", "red"), problem))
    size = f"{result.pages} pages, {len(result.data) / 1e6:.1f} MB"
    console.print(
        f"written: {out} ({size}{'' if result.problems else '; reopened and checked'})",
        markup=False,
    )
