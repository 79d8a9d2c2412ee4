"""One notebook as pieces of typst: cells in order, each with its fallback."""

from dataclasses import dataclass
from functools import partial

from . import images, lines, outputs, status
from .images import Images
from .literal import inline, quote
from .notebook import Cell, Notebook
from .outputs import Limits, Shown
from .parsing import Parsed
from .parts import Parts
from .sheet import Sheet
from .status import ANSWER, IGNORED, INPUT_IGNORED, QUESTION, TITLE
from .writer import Writer

UNREADABLE = "This cell could not be set; its source follows as typed."


@dataclass
class Chapter:
    """Builds one notebook's sheet; `build` does it all."""

    notebook: Notebook
    number: int
    images: Images
    limits: Limits
    question_pages: bool = False
    title: str = ""

    def __post_init__(self) -> None:
        self.prefix = f"n{self.number}"
        self.sheet = Sheet(self.notebook.name, self.prefix)
        self.status = status.of(self.notebook, self.prefix)
        self._questions_seen = 0
        self._in_question = False

    def build(self) -> "Chapter":
        """Parses and writes every cell."""
        cells = [cell for cell in self.notebook.cells if IGNORED not in cell.tags]
        self._parsed = Parsed(cells, self.limits)
        self._parts = Parts(self.sheet, self._parsed.formulas, self.images)
        if self.notebook.notice:
            self._notice()
        for cell in cells:
            self._begin(cell)
            if cell.kind == "markdown":
                self._markdown(cell)
            elif cell.kind == "code":
                self._code(cell)
            elif cell.source.strip():
                self._verbatim(cell, cell.source)
        return self

    def _begin(self, cell: Cell) -> None:
        """Counts the questions, and gives each a page of its own where that is asked for."""
        asks, answers = QUESTION in cell.tags, ANSWER in cell.tags
        self._questions_seen += asks
        if self.question_pages and (asks or (self._in_question and not answers)):
            self.sheet.add("#pagebreak(weak: true)")
        self._in_question = asks or (self._in_question and answers)

    def _writer(self, cell: Cell, headings: bool = True) -> Writer:
        def image(url: str, alternative: str, width: str, alone: bool) -> str:
            find = partial(self.images.find, url, cell.attachments)
            return self._parts.image(find, cell.index, alternative, width, alone)

        return Writer(
            self._parsed.formulas,
            lambda number: self._parts.formula(number, cell.index),
            image,
            self._parsed.html,
            headings,
            takes_title=TITLE in cell.tags and not self.title,
        )

    def _markdown(self, cell: Cell) -> None:
        blocks = self._parsed.markdown(cell)
        if blocks is None:
            self._verbatim(cell, cell.source, "pandoc cannot read this cell")
            return
        writer = self._writer(cell)
        try:
            markup = writer.blocks(blocks)
        except RecursionError:
            self._verbatim(cell, cell.source, "nested too deeply to be set")
            return
        self.title = self.title or writer.title
        markup = self._framed(cell, markup)
        if markup.strip():
            self.sheet.add(markup, self._framed(cell, _fallback(cell.source)), "set as typed", cell.index)

    def _framed(self, cell: Cell, markup: str) -> str:
        """The markup in its frame, where the cell asks or answers a question."""
        if QUESTION in cell.tags:
            question = self.status.questions[self._questions_seen - 1]
            if "#heading(" not in markup:
                markup = f"#heading(level: 4)[{inline(question.title)}]\n\n{markup}"
            points = quote(question.points) if question.points else "none"
            return f"#question({quote(question.label)}, {points})[{markup}]"
        return f"#answer[{markup}]" if ANSWER in cell.tags and markup.strip() else markup

    def _code(self, cell: Cell) -> None:
        if INPUT_IGNORED not in cell.tags and cell.source.strip():
            count = f"[{cell.count}]" if cell.count is not None else "[ ]"
            body = lines.typeset(lines.highlight(cell.source, self.notebook.language))
            self.sheet.add(f"#code({quote(count)})[{body}]", _fallback(cell.source), "set as typed", cell.index)
        for shown in self._parsed.shown[cell.index]:
            self._output(cell, shown)

    def _output(self, cell: Cell, shown: Shown) -> None:
        if shown.kind == "image":
            decode = partial(images.decode, shown.data, shown.mime)
            markup = self._parts.image(decode, cell.index, shown.alternative, shown.width, True)
            self.sheet.add(markup, cell=cell.index)
        elif shown.kind == "note":
            if not shown.alternative:
                self.sheet.mark(cell.index, shown.text[:120])
            self.sheet.add(f"#note[{inline(shown.text)}]", cell=cell.index)
        elif shown.kind == "latex":
            [number] = self._parsed.formulas.numbers(shown.text)
            markup = self._parts.formula(number, cell.index)
            self.sheet.add(markup, _fallback(shown.alternative), "set as text", cell.index)
        elif shown.kind in ("markdown", "html"):
            self._rich(cell, shown)
        else:
            self._lines(cell, shown.text, "printed" if shown.kind == "stdout" else "complained")

    def _rich(self, cell: Cell, shown: Shown) -> None:
        blocks = self._parsed.output(shown)
        plain = shown.alternative or self._parsed.formulas.restore(shown.text)
        if blocks is None:
            self._lines(cell, plain, "printed")
            return
        try:
            self.sheet.add(self._writer(cell, False).blocks(blocks), _fallback(plain), "set as text", cell.index)
        except RecursionError:
            self._lines(cell, plain, "printed")
        if shown.kind == "html" and shown.mime:
            self._left_out(cell, f"… {shown.mime} rows of this table left out")

    def _lines(self, cell: Cell, text: str, style: str) -> None:
        body, left_out = outputs.typeset(text, self.limits)
        self.sheet.add(f"#{style}[{body}]", cell=cell.index)
        if left_out:
            self.sheet.mark(cell.index, f"output cut: {left_out}")

    def _left_out(self, cell: Cell, words: str) -> None:
        self.sheet.add(f"#note[{inline(words)}]", cell=cell.index)
        self.sheet.mark(cell.index, f"output cut: {words}")

    def _verbatim(self, cell: Cell, text: str, reason: str = "") -> None:
        if reason:
            self.sheet.mark(cell.index, reason)
        body = _fallback(text, UNREADABLE) if reason else f"#snippet[{lines.typeset(lines.plain(text))}]"
        self.sheet.add(self._framed(cell, body), cell=cell.index)

    def _notice(self) -> None:
        self.sheet.mark(0, self.notebook.notice)
        self.sheet.add(f"#problem[{inline(self.notebook.notice)}]")
        if self.notebook.raw:
            self._lines(Cell(0, "raw", self.notebook.raw), self.notebook.raw, "printed")


def _fallback(text: str, reason: str = UNREADABLE) -> str:
    return f"#fallback({quote(reason)})[{lines.typeset(lines.plain(text))}]"
