"""Turn one notebook into blocks of typst: cells in order, each with its fallback."""

from dataclasses import dataclass
from functools import partial

from . import images, lines, outputs, status
from .definitions import Definitions
from .images import Images
from .literal import inline, quote
from .notebook import Cell, Notebook
from .outputs import Limits, Shown
from .parsing import Parsed
from .source_map import SourceMap
from .status import ANSWER, IGNORED, INPUT_IGNORED, QUESTION, TITLE
from .writer import Writer

UNREADABLE = "This cell could not be set; its source follows as typed."


@dataclass
class Chapter:
    """Builds the source map of one notebook; `build` does it all."""

    notebook: Notebook
    number: int
    images: Images
    limits: Limits
    question_pages: bool = False
    title: str = ""

    def __post_init__(self) -> None:
        self.prefix = f"n{self.number}"
        self.source_map = SourceMap(self.notebook.name, self.prefix)
        self.status = status.read_status(self.notebook, self.prefix)
        self._questions_seen = 0
        self._in_question = False

    def build(self) -> "Chapter":
        """Parse and write every cell."""
        cells = [cell for cell in self.notebook.cells if IGNORED not in cell.tags]
        self._parsed = Parsed(cells, self.limits)
        self._definitions = Definitions(self.source_map, self._parsed.formulas, self.images)
        if self.notebook.notice:
            self._add_notice()
        for cell in cells:
            self._begin(cell)
            if cell.kind == "markdown":
                self._add_markdown(cell)
            elif cell.kind == "code":
                self._add_code(cell)
            elif cell.source.strip():
                self._add_verbatim(cell, cell.source)
        return self

    def _begin(self, cell: Cell) -> None:
        """Count the questions, and give each its own page where that is asked for."""
        asks, answers = QUESTION in cell.tags, ANSWER in cell.tags
        self._questions_seen += asks
        if self.question_pages and (asks or (self._in_question and not answers)):
            self.source_map.add("#pagebreak(weak: true)")
        self._in_question = asks or (self._in_question and answers)

    def _make_writer(self, cell: Cell, headings: bool = True) -> Writer:
        def image(url: str, alternative: str, width: str, alone: bool) -> str:
            find = partial(self.images.find, url, cell.attachments)
            return self._definitions.image(find, cell.index, alternative, width, alone)

        return Writer(
            self._parsed.formulas,
            lambda number: self._definitions.formula(number, cell.index),
            image,
            self._parsed.html,
            headings,
            takes_title=TITLE in cell.tags and not self.title,
        )

    def _add_markdown(self, cell: Cell) -> None:
        blocks = self._parsed.markdown(cell)
        if blocks is None:
            self._add_verbatim(cell, cell.source, "pandoc cannot read this cell")
            return
        writer = self._make_writer(cell)
        try:
            markup = writer.blocks(blocks)
        except RecursionError:
            self._add_verbatim(cell, cell.source, "nested too deeply to be set")
            return
        self.title = self.title or writer.title
        markup = self._frame(cell, markup)
        if markup.strip():
            self.source_map.add(markup, self._frame(cell, _write_fallback(cell.source)), "set as typed", cell.index)

    def _frame(self, cell: Cell, markup: str) -> str:
        """Return the markup in its frame, where the cell asks or answers a question."""
        if QUESTION in cell.tags:
            question = self.status.questions[self._questions_seen - 1]
            if "#heading(" not in markup:
                markup = f"#heading(level: 4)[{inline(question.title)}]\n\n{markup}"
            points = quote(question.points) if question.points else "none"
            return f"#question({quote(question.label)}, {points})[{markup}]"
        return f"#answer[{markup}]" if ANSWER in cell.tags and markup.strip() else markup

    def _add_code(self, cell: Cell) -> None:
        if INPUT_IGNORED not in cell.tags and cell.source.strip():
            count = f"[{cell.count}]" if cell.count is not None else "[ ]"
            body = lines.typeset(lines.highlight(cell.source, self.notebook.language))
            markup = f"#code({quote(count)})[{body}]"
            self.source_map.add(markup, _write_fallback(cell.source), "set as typed", cell.index)
        for shown in self._parsed.shown[cell.index]:
            self._add_output(cell, shown)

    def _add_output(self, cell: Cell, shown: Shown) -> None:
        if shown.kind == "image":
            decode = partial(images.decode, shown.data, shown.mime)
            markup = self._definitions.image(decode, cell.index, shown.alternative, shown.width, True)
            self.source_map.add(markup, cell=cell.index)
        elif shown.kind == "note":
            if not shown.alternative:
                self.source_map.degrade(cell.index, shown.text[:120])
            self.source_map.add(f"#note[{inline(shown.text)}]", cell=cell.index)
        elif shown.kind == "latex":
            [number] = self._parsed.formulas.numbers(shown.text)
            markup = self._definitions.formula(number, cell.index)
            self.source_map.add(markup, _write_fallback(shown.alternative), "set as text", cell.index)
        elif shown.kind in ("markdown", "html"):
            self._add_rich(cell, shown)
        else:
            self._add_lines(cell, shown.text, "printed" if shown.kind == "stdout" else "complained")

    def _add_rich(self, cell: Cell, shown: Shown) -> None:
        blocks = self._parsed.output(shown)
        plain = shown.alternative or self._parsed.formulas.restore(shown.text)
        if blocks is None:
            self._add_lines(cell, plain, "printed")
            return
        try:
            markup = self._make_writer(cell, False).blocks(blocks)
            self.source_map.add(markup, _write_fallback(plain), "set as text", cell.index)
        except RecursionError:
            self._add_lines(cell, plain, "printed")
        if shown.kind == "html" and shown.mime:
            self._note_left_out(cell, f"… {shown.mime} rows of this table left out")

    def _add_lines(self, cell: Cell, text: str, style: str) -> None:
        body, left_out = outputs.typeset(text, self.limits)
        self.source_map.add(f"#{style}[{body}]", cell=cell.index)
        if left_out:
            self.source_map.degrade(cell.index, f"output cut: {left_out}")

    def _note_left_out(self, cell: Cell, words: str) -> None:
        self.source_map.add(f"#note[{inline(words)}]", cell=cell.index)
        self.source_map.degrade(cell.index, f"output cut: {words}")

    def _add_verbatim(self, cell: Cell, text: str, reason: str = "") -> None:
        if reason:
            self.source_map.degrade(cell.index, reason)
        body = _write_fallback(text, UNREADABLE) if reason else f"#snippet[{lines.typeset(lines.split(text))}]"
        self.source_map.add(self._frame(cell, body), cell=cell.index)

    def _add_notice(self) -> None:
        self.source_map.degrade(0, self.notebook.notice)
        self.source_map.add(f"#problem[{inline(self.notebook.notice)}]")
        if self.notebook.raw:
            self._add_lines(Cell(0, "raw", self.notebook.raw), self.notebook.raw, "printed")


def _write_fallback(text: str, reason: str = UNREADABLE) -> str:
    return f"#fallback({quote(reason)})[{lines.typeset(lines.split(text))}]"
