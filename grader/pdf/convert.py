"""Convert notebooks to one checked PDF: read, set, compile, reopen."""

import datetime
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from . import formulas, pandoc, verify
from . import notebook as notebooks
from .chapter import Chapter
from .images import Images
from .lines import quote
from .notebook import Notebook, Question
from .outputs import Limits
from .typesetting import Block, Compiler, Degradation, choose_fonts

NAMED = 12  # characters without a font that are named one by one
TEMPLATE = Path(__file__).with_name("template.typ")


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


def convert(sources: Sequence[Path | Notebook], options: Options) -> Result:
    """Return the PDF of some notebooks, reopened and checked. Raise OSError and PdfError."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder, ThreadPoolExecutor(1) as pool:
        pool.submit(verify.prepare)
        root = Path(folder).resolve()
        read = [source if isinstance(source, Notebook) else notebooks.read(source) for source in sources]
        chapters = build_chapters(read, options, root)
        document = Document(options, chapters, root)
        data = document.compile()
    pages, problems = verify.check(data, chapters, document.missing)
    return Result(data, pages, document.degradations, problems, document.missing)


def build_chapters(read: list[Notebook], options: Options, root: Path) -> list[Chapter]:
    """Return the chapters of notebooks, whose images go to folders in `root`; pandoc does each step for all at once."""
    chapters = []
    for number, notebook in enumerate(read):
        folder = root / f"n{number}"
        folder.mkdir()
        images = Images(folder, notebook.path.parent, list(options.assets), options.megapixels)
        chapters.append(Chapter(notebook, number, images, options.limits, options.question_pages))
    with ThreadPoolExecutor(1) as pool:
        setting = pool.submit(formulas.typeset, [chapter.aside.formulas for chapter in chapters])
        trees = pandoc.read([fragment for chapter in chapters for fragment in chapter.list_fragments()])
        setting.result()
    for chapter in chapters:
        chapter.build(trees)
    waiting = [block for chapter in chapters for block in chapter.source_map.blocks if block.tree]
    for block, text in zip(waiting, pandoc.write([block.tree or [] for block in waiting])):
        if text is None:
            block.give_way()
        else:
            block.text = text
    return chapters


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


@dataclass
class Document:
    """One typst document of all chapters, and the characters that no font has."""

    options: Options
    chapters: list[Chapter]
    folder: Path
    missing: set[str] = field(default_factory=set)
    blocks: list[Block] = field(default_factory=list)
    numbered: list[Degradation] = field(default_factory=list)

    @property
    def degradations(self) -> list[Degradation]:
        """All that is shown otherwise than meant."""
        maps = [chapter.source_map for chapter in self.chapters]
        failed = [Degradation(block.notebook, block.cell, block.degradation) for block in self.blocks if block.failed]
        return [*self.numbered, *(degradation for one in maps for degradation in one.degradations), *failed]

    def compile(self) -> bytes:
        """Return the PDF. Raise CannotSet and ProgramMissing."""
        blocks = self.blocks = self._list_blocks()
        chosen = choose_fonts(set().union(*(set(block.text) for block in blocks), self.options.title))
        self.missing = chosen.missing
        self._degrade_missing(blocks)
        head = f"{chosen.declare()}\n#let assignment = {quote(self.options.title)}\n{TEMPLATE.read_text('utf-8')}"
        compiler = Compiler(head, self.folder, self._gather(chosen.files))
        return compiler.compile(blocks, self._write_style(), self.options.date)

    def _gather(self, files: list[Path]) -> Path | None:
        """Return a folder with just these fonts, so that none of their neighbours is used."""
        if not files:
            return None
        folder = self.folder / "fonts"
        folder.mkdir()
        for file in files:
            shutil.copyfile(file, folder / file.name)
        return folder

    def _write_style(self) -> str:
        return f"#show: paper-style.with({quote(self.options.paper)})"

    def _list_blocks(self) -> list[Block]:
        blocks = [Block(self._write_opening())]
        for chapter in self.chapters:
            name = chapter.notebook.path.name
            blocks.append(Block(f"#set page(header: running({quote(name)}))"))
            title = chapter.title or chapter.notebook.name
            blocks.append(Block(f"#opening({quote(title)}, {quote(name)})<{chapter.prefix}>"))
            for block in chapter.source_map.blocks:
                blocks += [block, Block("")]
        return blocks

    def _write_opening(self) -> str:
        rows = "".join(map(_write_row, self.chapters))
        shown = [(chapter, question) for chapter in self.chapters for question in _list_shown(chapter)]
        questions = "".join(_write_entry(chapter, question) for chapter, question in shown)
        names, date = quote(self.options.names), quote(self.options.date.isoformat())
        return (
            f"{self._write_style()}\n#set document(title: assignment, author: {names})\n"
            f"#title-page({names}, {date}, ({rows}), ({questions}))"
        )

    def _degrade_missing(self, blocks: list[Block]) -> None:
        """Show the code point of each character that no font has, and record where."""
        if not self.missing:
            return
        pattern = re.compile(f"[{''.join(map(re.escape, sorted(self.missing)))}]")
        for block in blocks:
            if found := sorted(set(pattern.findall(block.text))):
                text = f"no font has {_name_characters(found)}"
                self.numbered.append(Degradation(block.notebook or "title page", block.cell, text))
                if block.text.startswith("#let ") and "eval(" in block.text:
                    block.give_way()
                    block.failed = False  # it is said already
            block.text = _show_by_number(pattern, block.text)
            if block.fallback:
                block.fallback = partial(_make_by_number, pattern, block.fallback)


def _show_by_number(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda hit: f"[U+{ord(hit[0]):04X}]", text)


def _make_by_number(pattern: re.Pattern[str], make: Callable[[], str]) -> str:
    return _show_by_number(pattern, make())


def _name_characters(characters: list[str]) -> str:
    """Return characters with their code points, the first ones of many."""
    points = [(character, f"U+{ord(character):04X}") for character in characters]
    names = [f"{character} ({point})" if character.isprintable() else point for character, point in points[:NAMED]]
    more = f" and {len(points) - NAMED} more" if len(points) > NAMED else ""
    return ", ".join(names) + more


def _write_row(chapter: Chapter) -> str:
    """Return a notebook's row on the title page."""
    cells = "".join(f"({quote(text)}, {quote(state)}), " for text, state in chapter.status.cells)
    return f"(target: <{chapter.prefix}>, name: {quote(chapter.notebook.name)}, cells: ({cells})), "


def _list_shown(chapter: Chapter) -> list[Question]:
    """Return the questions that are in the document, and so can be pointed at."""
    texts = [block.text for block in chapter.source_map.blocks]
    return [
        question
        for question in chapter.status.questions
        if any(f"#question({quote(question.label)}" in text for text in texts)
    ]


def _write_entry(chapter: Chapter, question: Question) -> str:
    """Return a question's row on the title page."""
    about = ", ".join(filter(None, [question.points, "" if question.answered else "not answered"]))
    return (
        f"(target: label({quote(question.label)}), notebook: {quote(chapter.notebook.name)}, "
        f"name: {quote(question.title)}, points: {quote(about)}), "
    )
