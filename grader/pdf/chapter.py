"""Turn one notebook into blocks of typst: cells in order, each with its fallback."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from . import images, lines, markup, outputs, pandoc
from .images import ImageProblem, Images
from .lines import inline, quote
from .markup import Aside, Formula
from .notebook import ANSWER, IGNORED, INPUT_IGNORED, QUESTION, TITLE, Cell, Notebook, infer_questions, read_status
from .outputs import Limits, Shown
from .pandoc import raw_block
from .tree import Adapter
from .typesetting import SourceMap, Tree

UNREADABLE = "This cell could not be set; its source follows as typed."
LONGEST_GROUP = 100  # characters of typst in one pair of brackets, where no line breaks
BAD_IMAGE = "image that cannot be read"


@dataclass
class Chapter:
    """The source map of one notebook; `build` fills it from the trees of `list_fragments`."""

    notebook: Notebook
    number: int
    images: Images
    limits: Limits
    question_pages: bool = False
    title: str = ""
    used: dict[int, str] = field(default_factory=dict)  # markup of formulas by number

    def __post_init__(self) -> None:
        self.prefix = f"n{self.number}"
        self.notebook = infer_questions(self.notebook)
        self.source_map = SourceMap(self.notebook.name, self.prefix)
        self.status = read_status(self.notebook, self.prefix)
        self.cells = [cell for cell in self.notebook.cells if IGNORED not in cell.tags]
        self.shown = {cell.index: outputs.select(cell.outputs, self.limits) for cell in self.cells}
        self._questions_seen = 0
        self._in_question = False
        self._extract()

    def _extract(self) -> None:
        """Take the formulas out of all texts, and turn Markdown into HTML."""
        texts = [cell.source for cell in self.cells]
        texts += [shown.text for group in self.shown.values() for shown in group]
        self.aside = Aside(markup.choose_prefix(texts))
        self.html: dict[int, str | None] = {}
        for cell in self.cells:
            if cell.kind == "markdown":
                self.html[cell.index] = markup.render(self.aside.extract(cell.source, cell.index))
            for shown in self.shown[cell.index]:
                if shown.kind == "markdown":
                    shown.text = markup.render(self.aside.extract(shown.text, cell.index)) or ""
                elif shown.kind == "html":
                    shown.text = self.aside.hide_data(shown.text)
                elif shown.kind == "latex":
                    shown.text = self.aside.add(_strip_dollars(shown.text), True, cell.index, shown.text)

    def list_fragments(self) -> list[str]:
        """Return the HTML of the cells and their outputs."""
        fragments = [html for html in self.html.values() if html]
        shown = [shown for group in self.shown.values() for shown in group]
        return fragments + [one.text for one in shown if one.kind in ("markdown", "html")]

    def build(self, trees: dict[str, Tree | None]) -> None:
        """Write every cell; Markdown and HTML as trees, which are written later."""
        self._trees = trees
        if self.notebook.notice:
            self._add_notice()
        for cell in self.cells:
            self._begin(cell)
            if cell.kind == "markdown":
                self._add_markdown(cell)
            elif cell.kind == "code":
                self._add_code(cell)
            elif cell.source.strip():
                self._add_verbatim(cell, cell.source)
        if self._in_question:
            self.source_map.add("]")

    def _begin(self, cell: Cell) -> None:
        """Count the questions, keep each together with its answer, and give it pages of its own where that is asked."""
        asks, answers = QUESTION in cell.tags, ANSWER in cell.tags
        self._questions_seen += asks
        ends = self._in_question and not answers
        if ends:
            self.source_map.add("]")
        if self.question_pages and (asks or ends):
            self.source_map.add("#pagebreak(weak: true)")
        if asks:
            self.source_map.add("#together(above: 1.6em)[")
        self._in_question = asks or (self._in_question and answers)

    def _adapter(self, cell: Cell, headings: bool = True) -> Adapter:
        def image(url: str, alternative: str, attributes: dict[str, str], alone: bool) -> str:
            find = partial(self.images.find, url, cell.attachments)
            return self._define_image(find, cell.index, alternative, attributes, alone)

        return Adapter(
            self.aside,
            lambda number: self._define_formula(number, cell.index),
            image,
            headings,
            takes_title=TITLE in cell.tags and not self.title,
        )

    def _add_markdown(self, cell: Cell) -> None:
        html = self.html[cell.index]
        if not html or not html.strip():
            if cell.source.strip() and html is None:
                self._add_verbatim(cell, cell.source, "nested too deeply to be set")
            return
        tree = self._trees[html]
        if tree is None or not markup.holds(pandoc.read_text(tree), html):
            self._add_verbatim(cell, cell.source, "HTML that cannot be read whole; set as typed")
            return
        adapter = self._adapter(cell)
        blocks = adapter.adapt(tree)
        self.title = self.title or adapter.title
        opening, closing = self._frame(cell, bool(blocks), adapter.headed)
        if opening:
            blocks = [raw_block(opening), *blocks, raw_block(closing)]
        if blocks:
            make = partial(self._write_fallback, cell.source, opening, closing)
            self.source_map.add("", make, "set as typed", cell.index, blocks)

    def _frame(self, cell: Cell, filled: bool, headed: bool) -> tuple[str, str]:
        """Return what opens and closes the frame of a cell that asks or answers a question."""
        if QUESTION in cell.tags:
            question = self.status.questions[self._questions_seen - 1]
            points = quote(question.points) if question.points else "none"
            heading = "" if headed else f"#heading(level: 4)[{inline(question.title)}]\n\n"
            return f"#question({quote(question.label)}, {points})[{heading}", "]"
        return ("#answer[", "]") if ANSWER in cell.tags and filled else ("", "")

    def _add_code(self, cell: Cell) -> None:
        """Add the code and its outputs, those up to the first picture together with the code."""
        shown = self.shown[cell.index]
        picture = next((place for place, one in enumerate(shown, 1) if one.kind == "image"), 0)
        if picture:
            self.source_map.add("#together[")
        if INPUT_IGNORED not in cell.tags and cell.source.strip():
            count = f"[{cell.count}]" if cell.count is not None else "[ ]"
            body = lines.typeset(lines.highlight(cell.source, self.notebook.language))
            make = partial(self._write_fallback, cell.source)
            self.source_map.add(f"#code({quote(count)})[{body}]", make, "set as typed", cell.index)
        for place, one in enumerate(shown, 1):
            self._add_output(cell, one)
            if place == picture:
                self.source_map.add("]")

    def _add_output(self, cell: Cell, shown: Shown) -> None:
        if shown.kind == "image":
            decode = partial(images.decode, shown.data, shown.mime)
            self.source_map.add(
                self._define_image(decode, cell.index, shown.alternative, shown.attributes, True), cell=cell.index
            )
        elif shown.kind == "note":
            if not shown.alternative:
                self.source_map.degrade(cell.index, shown.text[:120])
            self.source_map.add(f"#note[{inline(shown.text)}]", cell=cell.index)
        elif shown.kind == "latex":
            [number] = self.aside.word.findall(shown.text)
            formula = self._define_formula(int(number), cell.index)
            make = partial(self._write_fallback, shown.alternative)
            self.source_map.add(formula, make, "set as text", cell.index)
        elif shown.kind in ("markdown", "html"):
            self._add_rich(cell, shown)
        else:
            self._add_lines(cell, shown.text, "printed" if shown.kind == "stdout" else "complained")

    def _add_rich(self, cell: Cell, shown: Shown) -> None:
        tree = self._trees.get(shown.text)
        plain = shown.alternative or self.aside.restore(markup.TAG.sub(" ", shown.text))
        if tree is None:
            self._add_lines(cell, plain, "printed")
            return
        blocks = self._adapter(cell, False).adapt(tree)
        self.source_map.add("", partial(self._write_fallback, plain), "set as text", cell.index, blocks)
        if shown.kind == "html" and shown.mime:
            words = f"… {shown.mime} rows of this table left out"
            self.source_map.add(f"#note[{inline(words)}]", cell=cell.index)
            self.source_map.degrade(cell.index, f"output cut: {words}")

    def _add_lines(self, cell: Cell, text: str, style: str) -> None:
        body, left_out = outputs.typeset(text, self.limits)
        self.source_map.add(f"#{style}[{body}]", cell=cell.index)
        if left_out:
            self.source_map.degrade(cell.index, f"output cut: {left_out}")

    def _add_verbatim(self, cell: Cell, text: str, reason: str = "") -> None:
        if reason:
            self.source_map.degrade(cell.index, reason)
        body = self._write_fallback(text) if reason else f"#snippet[{lines.typeset(lines.decode(text))}]"
        opening, closing = self._frame(cell, True, False)
        self.source_map.add(opening + body + closing, cell=cell.index)

    def _write_fallback(self, text: str, opening: str = "", closing: str = "") -> str:
        """Return a text as typed, cut as an output is."""
        body, _ = outputs.typeset(markup.shorten_data(text), self.limits)
        return f"{opening}#fallback({quote(UNREADABLE)})[{body}]{closing}"

    def _add_notice(self) -> None:
        self.source_map.degrade(0, self.notebook.notice)
        self.source_map.add(f"#problem[{inline(self.notebook.notice)}]")
        if self.notebook.raw:
            self._add_lines(Cell(0, "raw", self.notebook.raw), self.notebook.raw, "printed")

    def _define_formula(self, number: int, cell: int) -> str:
        """Return the markup of a formula, which is defined once."""
        if number not in self.used:
            formula = self.aside.formulas[number]
            verbatim = f"verbatim[{inline(formula.verbatim)}]"
            verbatim = f"block({verbatim})" if formula.display else verbatim
            degradation = f"formula set as typed: {formula.verbatim[:120]}"
            if formula.empty:
                self.used[number] = ""
            elif formula.typst:
                self.used[number] = self.source_map.define(_write_formula(formula), verbatim, degradation, cell)
            else:
                self.source_map.degrade(cell, degradation)
                self.used[number] = self.source_map.define(verbatim, "", "", cell)
        return self.used[number]

    def _define_image(
        self, get: Callable[[], bytes], cell: int, alternative: str, attributes: dict[str, str], alone: bool
    ) -> str:
        """Return the markup of an image, or of a red box that names it and says what is wrong."""
        try:
            expression = images.write_image(self.images.keep(get()), alternative, attributes, alone)
        except ImageProblem as problem:
            self.source_map.degrade(cell, str(problem))
            return self.source_map.define(_write_box(str(problem), alternative), "", "", cell)
        return self.source_map.define(expression, _write_box(BAD_IMAGE, alternative), BAD_IMAGE, cell)


def _strip_dollars(latex: str) -> str:
    """Return the TeX of an output without its dollar signs."""
    return latex.strip().strip("$").strip()


def _write_formula(formula: Formula) -> str:
    """Return typst for a formula: evaluated from a string, so that its syntax cannot reach beyond it."""
    expression = f'eval({quote(formula.typst)}, mode: "markup")'
    breakable = _is_breakable(formula.typst)
    if not formula.display and (breakable or len(formula.typst) < LONGEST_GROUP):
        return f"displayed({expression})" if r"\displaystyle" in formula.tex else expression
    expression = f"wide({expression}, {str(breakable).lower()}, [{inline(formula.verbatim)}])"
    return f"tagged({quote(formula.tag)}, {expression})" if formula.tag else expression


def _is_breakable(text: str) -> bool:
    """Return whether a display formula may break: it has no rows or columns of its own, and no long brackets."""
    text = re.sub(r'"(?:\\.|[^"\\])*"', lambda found: "x" * len(found[0]), text)
    depth, since = 0, 0
    for found in re.finditer(r"(?<!\\)[][(){}]", text):
        if found[0] in "([{":
            since, depth = (since if depth else found.start()), depth + 1
        elif depth:
            depth -= 1
            if not depth and found.start() - since > LONGEST_GROUP:
                return False
    return not re.search(r"(?<!\\)&|\\\n", text)


def _write_box(problem: str, alternative: str) -> str:
    return f"missing({quote(f'{problem} ({alternative})' if alternative.strip() else problem)})"
