"""Convert notebooks to one checked PDF: read, set, compile, reopen."""

import datetime
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from . import notebook as notebooks
from . import verify
from .chapter import Chapter
from .document import Document, Front
from .images import Images
from .notebook import Notebook
from .outputs import Limits
from .source_map import Degradation


@dataclass(frozen=True)
class Options:
    """How the PDF is made; missing images are looked for by name in the folders of `assets`."""

    title: str = "Notebooks"
    names: str = ""
    date: datetime.date = field(default_factory=datetime.date.today)
    paper: str = "a4"
    question_pages: bool = False
    limits: Limits = field(default_factory=Limits)
    megapixels: float = 40
    assets: tuple[Path, ...] = ()


@dataclass
class Result:
    """The PDF, its degradations, and the problems found in it."""

    data: bytes
    pages: int
    degradations: list[Degradation]
    problems: list[str]
    missing: set[str] = field(default_factory=set)
    checked: bool = True


def convert(sources: Sequence[Path | Notebook], options: Options) -> Result:
    """Return the PDF of some notebooks, reopened and checked; raise OSError and PdfError."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder, ThreadPoolExecutor(4) as pool:
        root = Path(folder).resolve()
        read = [source if isinstance(source, Notebook) else notebooks.read(source) for source in sources]
        pool.submit(verify.prepare)
        chapters = list(pool.map(partial(_build_chapter, root, options), range(len(read)), read))
        front = Front(options.title, options.names, options.date, options.paper)
        document = Document(front, chapters, root)
        data = document.compile()
    pages, problems = verify.check(data, document)
    return Result(data, pages, document.degradations, problems, document.missing)


def write_pdf(out: Path, data: bytes) -> None:
    """Write aside, then rename, so that a PDF is whole or as it was before."""
    aside = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)


def _build_chapter(root: Path, options: Options, number: int, notebook: Notebook) -> Chapter:
    folder = root / f"n{number}"
    folder.mkdir()
    images = Images(folder, notebook.path.parent, list(options.assets), options.megapixels)
    return Chapter(notebook, number, images, options.limits, options.question_pages).build()
