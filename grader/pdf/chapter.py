"""Turn one notebook into blocks of typst: cells in order, each with its fallback."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ..course.schema import Pdf
from . import formulas, images, lines, markup, outputs
from .images import ImageProblem, Images
from .lines import inline, quote
from .markup import Aside, Formula
from .notebook import ANSWER, IGNORED, INPUT_IGNORED, QUESTION, TITLE, Cell, Notebook, infer_questions, read_status
from .outputs import Shown
from .tree import Writer
from .typesetting import Block, Degradation

UNREADABLE = "This cell could not be set; its source follows as typed."
LONGEST = 100  # characters of typst in a formula within a line that is not measured
DEEP = re.compile(r"under|limits|\b(?:mat|vec)\(|\\\n")  # in typst, of what reaches below a line
MATHML = re.compile(r"<math\b.*?</math\s*>", re.DOTALL | re.IGNORECASE)
BAD_IMAGE = "image that cannot be read"


@dataclass
class Chapter:
    """The blocks of one notebook, which `build` makes once its formulas are set."""

    notebook: Notebook
    images: Images
    settings: Pdf
    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    _noted: list[Degradation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.prefix = self.images.folder.name  # makes the names of its definitions unique in the document
        self.notebook = infer_questions(self.notebook)
        self.status = read_status(self.notebook)
        self.cells = [cell for cell in self.notebook.cells if IGNORED not in cell.tags]
        self.shown = {
            cell.index: outputs.select(cell.outputs, self.settings, self.notebook.widgets) for cell in self.cells
        }
        self._cell = Cell(0, "raw", self.notebook.raw)  # the one that is written
        self._questions = iter(self.status.questions)
        self._in_question = False
        self._names = 0
        self._extract()

    def _extract(self) -> None:
        """Take the formulas out of all texts, and turn Markdown into HTML."""
        self.aside = Aside()
        self.html: dict[int, str] = {}
        for cell in self.cells:
            if cell.kind == "markdown":
                self.html[cell.index] = markup.render(self.aside.extract(cell.source, cell.index))
            for shown in self.shown[cell.index]:
                if shown.kind == "markdown":
                    shown.text = markup.render(self.aside.extract(shown.text, cell.index))
                elif shown.kind == "html":
                    shown.text = MATHML.sub(partial(self._read_mathml, cell.index), self.aside.hide_data(shown.text))

    def _read_mathml(self, cell: int, found: re.Match[str]) -> str:
        return self.aside.add(formulas.read_mathml(found[0]), False, cell, found[0])

    def build(self) -> None:
        """Write every cell."""
        if self.notebook.notice:
            self.degrade(self.notebook.notice)
            self._add(f"#problem[{inline(self.notebook.notice)}]")
            if self.notebook.raw:
                self._add_lines(self.notebook.raw, "printed")
        for cell in self.cells:
            self._cell = cell
            self._begin(cell)
            if cell.kind == "markdown":
                self._add_html(self.html[cell.index], cell.source)
            elif cell.kind == "code":
                self._add_code(cell)
            elif cell.source.strip():
                opening, closing = self._frame(True, False)
                self._add(f"{opening}#snippet[{lines.typeset_lines(lines.decode_escapes(cell.source))}]{closing}")
        if self._in_question:
            self._add("]")

    def _add(self, text: str, fallback: Callable[[], str] | None = None, degradation: str = "") -> None:
        self.blocks.append(Block(text, fallback, degradation, self._cell.index))

    def _define(self, expression: str, fallback: str, degradation: str) -> str:
        """Add a definition on lines of its own and return the markup that uses it; without an expression, it fails."""
        name = f"{self.prefix}x{self._names}"
        self._names += 1
        self._add(f"#let {name} = {expression}", lambda: f"#let {name} = {fallback}", degradation)
        if not expression:
            self.blocks[-1].give_way()
        return f"#{name};"

    def degrade(self, text: str, cell: int | None = None) -> None:
        """Record something shown otherwise than meant, in the cell that is written or another one."""
        self._noted.append(Degradation(self.notebook.name, self._cell.index if cell is None else cell, text))

    def list_degradations(self) -> list[Degradation]:
        """Return what is shown otherwise than meant, in the order of the cells."""
        failed = [Degradation(self.notebook.name, one.cell, one.degradation) for one in self.blocks if one.failed]
        return sorted(self._noted + failed, key=lambda one: one.cell)

    def _begin(self, cell: Cell) -> None:
        """Keep a question together with its answer, and give it pages of its own where that is asked."""
        asks, answers = QUESTION in cell.tags, ANSWER in cell.tags
        ends = self._in_question and not answers
        if ends:
            self._add("]")
        if self.settings.question_pages and (asks or ends):
            self._add("#pagebreak(weak: true)")
        if asks:
            self._question = next(self._questions)
            self._add("#together(above: 1.6em)[")
        self._in_question = asks or (self._in_question and answers)

    def _add_html(self, html: str, source: str, is_output: bool = False) -> None:
        """Add a cell's Markdown or an output as HTML; its source takes its place where that fails."""
        takes_title = TITLE in self._cell.tags and not self.title and not is_output
        writer = Writer(self.aside, self._define_formula, self._find_image, not is_output, takes_title)
        try:
            body: str | None = writer.write(markup.parse(html)).strip()
        except RecursionError:
            body = None
        self.title = self.title or writer.title
        opening, closing = ("", "") if is_output else self._frame(bool(body), writer.headed)
        fallback = partial(self._write_fallback, source, opening, closing)
        if body is None:
            self._add("", fallback, "nested too deeply to be set")
            self.blocks[-1].give_way()
        elif opening or body:
            self._add(opening + body + closing, fallback, "set as text" if is_output else "set as typed")

    def _frame(self, filled: bool, headed: bool) -> tuple[str, str]:
        """Return what opens and closes the frame of a cell that asks or answers a question."""
        if QUESTION in self._cell.tags:
            asked = self._question
            heading = "" if headed else f"#heading(level: 4)[{inline(asked.title)}]\n\n"
            state = "" if asked.answered else "not answered"
            words = (self.notebook.name, asked.title, asked.points, state)
            return f"#question({', '.join(map(quote, words))})[{heading}", "]"
        return ("#answer[", "]") if ANSWER in self._cell.tags and filled else ("", "")

    def _add_code(self, cell: Cell) -> None:
        """Add the code and its outputs, those up to the first picture together with the code."""
        shown = self.shown[cell.index]
        pictures = [one.kind == "image" or (one.kind == "html" and "<img" in one.text) for one in shown]
        picture = pictures.index(True) + 1 if True in pictures else 0
        if picture:
            self._add("#together[")
        if INPUT_IGNORED not in cell.tags and cell.source.strip():
            count = f"[{cell.count}]" if cell.count is not None else "[ ]"
            body = lines.typeset_lines(lines.highlight(cell.source, self.notebook.language))
            self._add(f"#code({quote(count)})[{body}]", partial(self._write_fallback, cell.source), "set as typed")
        for place, one in enumerate(shown, 1):
            self._add_output(one)
            if place == picture:
                self._add("]")

    def _add_output(self, shown: Shown) -> None:
        if shown.kind == "image":
            decode = partial(images.decode_image, shown.text)
            self._add(self._define_image(decode, shown.alternative, shown.attributes, True))
        elif shown.kind == "note":
            if not shown.alternative:
                self.degrade(shown.text[:120])
            self._add(f"#note[{inline(shown.text)}]")
        elif shown.kind in ("markdown", "html"):
            self._add_html(shown.text, shown.alternative or self.aside.restore(markup.strip_tags(shown.text)), True)
            if shown.rows_left_out:
                words = f"… {shown.rows_left_out:,} rows of this table left out"
                self._add(f"#note[{inline(words)}]")
                self.degrade(f"output cut: {words}")
        else:
            self._add_lines(shown.text, "printed" if shown.kind == "stdout" else "complained")

    def _add_lines(self, text: str, style: str) -> None:
        body, left_out = outputs.typeset_text(text, self.settings)
        self._add(f"#{style}[{body}]")
        if left_out:
            self.degrade(f"output cut: {left_out}")

    def _write_fallback(self, text: str, opening: str = "", closing: str = "") -> str:
        """Return a text as typed, cut as an output is."""
        body, _ = outputs.typeset_text(markup.shorten_data(text), self.settings)
        return f"{opening}#fallback({quote(UNREADABLE)})[{body}]{closing}"

    def _define_formula(self, number: int) -> str:
        """Return the markup of a formula."""
        formula = self.aside.formulas[number]
        if formula.empty:
            return ""
        verbatim = f"verbatim[{inline(formula.verbatim)}]"
        verbatim = f"block({verbatim})" if formula.display else verbatim
        return self._define(_write_formula(formula), verbatim, f"formula set as typed: {formula.verbatim[:120]}")

    def _find_image(self, url: str, alternative: str, attributes: dict[str, str], alone: bool) -> str:
        find = partial(self.images.find, url, self._cell.attachments)
        return self._define_image(find, alternative, attributes, alone)

    def _define_image(self, get: Callable[[], bytes], alternative: str, attributes: dict[str, str], alone: bool) -> str:
        """Return the markup of an image, or of a red box that names it and says what is wrong."""
        expression, problem = "", BAD_IMAGE
        try:
            expression = images.write_image(self.images.keep(get()), alternative, attributes, alone)
        except ImageProblem as error:
            problem = str(error)
        named = f"{problem} ({alternative})" if alternative.strip() else problem
        return self._define(expression, f"missing({quote(named)})", problem)


def _write_formula(formula: Formula) -> str:
    """Return typst for a formula, evaluated from a string so that its syntax ends there; nothing if there is none."""
    if not formula.typst:
        return ""
    expression = f'eval({quote(formula.typst)}, mode: "markup")'
    if formula.display or len(formula.typst) > LONGEST:
        function = "wide" if formula.display else "long-formula"
        expression = f"{function}({expression}, [{inline(formula.verbatim)}])"
    elif r"\displaystyle" in formula.tex:
        expression = f"displayed({expression})"
    elif DEEP.search(formula.typst):
        expression = f"deep({expression})"
    return f"tagged({quote(formula.tag)}, {expression})" if formula.tag else expression
