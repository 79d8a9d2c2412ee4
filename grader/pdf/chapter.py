"""Turn one notebook into blocks of typst: cells in order, each with its fallback."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from ..course.schema import Pdf
from . import images, lines, markup, outputs, pandoc
from .images import ImageProblem, Images
from .lines import inline, quote
from .markup import Aside, Formula
from .notebook import ANSWER, IGNORED, INPUT_IGNORED, QUESTION, TITLE, Cell, Notebook, infer_questions, read_status
from .outputs import Shown
from .pandoc import raw_block
from .tree import Adapter
from .typesetting import Block, Degradation, Tree

UNREADABLE = "This cell could not be set; its source follows as typed."
LONGEST_GROUP = 100  # characters of typst in one pair of brackets, where no line breaks
BAD_IMAGE = "image that cannot be read"


@dataclass
class Chapter:
    """The blocks of one notebook, which `build` makes of the trees of `list_fragments`."""

    notebook: Notebook
    images: Images
    settings: Pdf
    title: str = ""
    blocks: list[Block] = field(default_factory=list)
    degradations: list[Degradation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.prefix = self.images.folder.name  # makes the names of its definitions unique in the document
        self.notebook = infer_questions(self.notebook)
        self.status = read_status(self.notebook, self.prefix)
        self.cells = [cell for cell in self.notebook.cells if IGNORED not in cell.tags]
        self.shown = {cell.index: outputs.select(cell.outputs, self.settings) for cell in self.cells}
        self._cell = Cell(0, "raw", self.notebook.raw)  # the one that is written
        self._questions = iter(self.status.questions)
        self._in_question = False
        self._names = 0
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
                    shown.text = self.aside.add(shown.text.strip().strip("$").strip(), True, cell.index, shown.text)

    def list_fragments(self) -> list[str]:
        """Return the HTML of the cells and their outputs."""
        fragments = [html for html in self.html.values() if html]
        shown = [shown for group in self.shown.values() for shown in group]
        return fragments + [one.text for one in shown if one.kind in ("markdown", "html")]

    def build(self, trees: dict[str, Tree | None]) -> None:
        """Write every cell; Markdown and HTML as trees, which are written later."""
        self._trees = trees
        if self.notebook.notice:
            self.degrade(self.notebook.notice)
            self._add(f"#problem[{inline(self.notebook.notice)}]")
            if self.notebook.raw:
                self._add_lines(self.notebook.raw, "printed")
        for cell in self.cells:
            self._cell = cell
            self._begin(cell)
            if cell.kind == "markdown":
                self._add_markdown(cell)
            elif cell.kind == "code":
                self._add_code(cell)
            elif cell.source.strip():
                self._add_verbatim()
        if self._in_question:
            self._add("]")

    def _add(
        self, text: str, fallback: Callable[[], str] | None = None, degradation: str = "", tree: Tree | None = None
    ) -> None:
        self.blocks.append(Block(text, fallback, degradation, self._cell.index, tree=tree))

    def _define(self, expression: str, fallback: str = "", degradation: str = "") -> str:
        """Add a definition on lines of its own and return the markup that uses it."""
        name = f"{self.prefix}x{self._names}"
        self._names += 1
        self._add(f"#let {name} = {expression}", lambda: f"#let {name} = {fallback}", degradation)
        return f"#{name};"

    def degrade(self, text: str, cell: int | None = None) -> None:
        """Record something shown otherwise than meant, in the cell that is written or another one."""
        self.degradations.append(Degradation(self.notebook.name, self._cell.index if cell is None else cell, text))

    def list_degradations(self) -> list[Degradation]:
        """Return what is shown otherwise than meant, blocks that gave way last."""
        failed = [block for block in self.blocks if block.failed]
        return self.degradations + [Degradation(self.notebook.name, one.cell, one.degradation) for one in failed]

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

    def _adapter(self, headings: bool = True) -> Adapter:
        takes_title = TITLE in self._cell.tags and not self.title
        return Adapter(self.aside, self._define_formula, self._find_image, headings, takes_title)

    def _add_markdown(self, cell: Cell) -> None:
        html = self.html[cell.index]
        if html is None:
            self._add_verbatim("nested too deeply to be set")
            return
        tree = self._trees[html] if html.strip() else []
        if tree is None or not markup.holds(pandoc.read_text(tree), html):
            self._add_verbatim("HTML that cannot be read whole; set as typed")
            return
        adapter = self._adapter()
        blocks = adapter.adapt(tree)
        self.title = self.title or adapter.title
        opening, closing = self._frame(cell, bool(blocks), adapter.headed)
        if opening:
            blocks = [raw_block(opening), *blocks, raw_block(closing)]
        if blocks:
            self._add("", partial(self._write_fallback, cell.source, opening, closing), "set as typed", blocks)

    def _frame(self, cell: Cell, filled: bool, headed: bool) -> tuple[str, str]:
        """Return what opens and closes the frame of a cell that asks or answers a question."""
        if QUESTION in cell.tags:
            points = quote(self._question.points) if self._question.points else "none"
            heading = "" if headed else f"#heading(level: 4)[{inline(self._question.title)}]\n\n"
            return f"#question({quote(self._question.label)}, {points})[{heading}", "]"
        return ("#answer[", "]") if ANSWER in cell.tags and filled else ("", "")

    def _add_code(self, cell: Cell) -> None:
        """Add the code and its outputs, those up to the first picture together with the code."""
        shown = self.shown[cell.index]
        picture = next((place for place, one in enumerate(shown, 1) if one.kind == "image"), 0)
        if picture:
            self._add("#together[")
        if INPUT_IGNORED not in cell.tags and cell.source.strip():
            count = f"[{cell.count}]" if cell.count is not None else "[ ]"
            body = lines.typeset(lines.highlight(cell.source, self.notebook.language))
            self._add(f"#code({quote(count)})[{body}]", partial(self._write_fallback, cell.source), "set as typed")
        for place, one in enumerate(shown, 1):
            self._add_output(one)
            if place == picture:
                self._add("]")

    def _add_output(self, shown: Shown) -> None:
        if shown.kind == "image":
            decode = partial(images.decode, shown.text)
            self._add(self._define_image(decode, shown.alternative, shown.attributes, True))
        elif shown.kind == "note":
            if not shown.alternative:
                self.degrade(shown.text[:120])
            self._add(f"#note[{inline(shown.text)}]")
        elif shown.kind == "latex":
            [number] = self.aside.word.findall(shown.text)
            formula = self._define_formula(int(number))
            self._add(formula, partial(self._write_fallback, shown.alternative), "set as text")
        elif shown.kind in ("markdown", "html"):
            self._add_rich(shown)
        else:
            self._add_lines(shown.text, "printed" if shown.kind == "stdout" else "complained")

    def _add_rich(self, shown: Shown) -> None:
        tree = self._trees.get(shown.text)
        plain = shown.alternative or self.aside.restore(markup.TAG.sub(" ", shown.text))
        if tree is None:
            self._add_lines(plain, "printed")
            return
        blocks = self._adapter(headings=False).adapt(tree)
        self._add("", partial(self._write_fallback, plain), "set as text", blocks)
        if shown.rows_left_out:
            words = f"… {shown.rows_left_out:,} rows of this table left out"
            self._add(f"#note[{inline(words)}]")
            self.degrade(f"output cut: {words}")

    def _add_lines(self, text: str, style: str) -> None:
        body, left_out = outputs.typeset(text, self.settings)
        self._add(f"#{style}[{body}]")
        if left_out:
            self.degrade(f"output cut: {left_out}")

    def _add_verbatim(self, reason: str = "") -> None:
        """Add the cell's source as typed, and where there is a reason, say it."""
        text = self._cell.source
        if reason:
            self.degrade(reason)
        body = self._write_fallback(text) if reason else f"#snippet[{lines.typeset(lines.decode(text))}]"
        opening, closing = self._frame(self._cell, True, False)
        self._add(opening + body + closing)

    def _write_fallback(self, text: str, opening: str = "", closing: str = "") -> str:
        """Return a text as typed, cut as an output is."""
        body, _ = outputs.typeset(markup.shorten_data(text), self.settings)
        return f"{opening}#fallback({quote(UNREADABLE)})[{body}]{closing}"

    def _define_formula(self, number: int) -> str:
        """Return the markup of a formula."""
        formula = self.aside.formulas[number]
        verbatim = f"verbatim[{inline(formula.verbatim)}]"
        verbatim = f"block({verbatim})" if formula.display else verbatim
        degradation = f"formula set as typed: {formula.verbatim[:120]}"
        if formula.empty:
            return ""
        if formula.typst:
            return self._define(_write_formula(formula), verbatim, degradation)
        self.degrade(degradation)
        return self._define(verbatim)

    def _find_image(self, url: str, alternative: str, attributes: dict[str, str], alone: bool) -> str:
        find = partial(self.images.find, url, self._cell.attachments)
        return self._define_image(find, alternative, attributes, alone)

    def _define_image(self, get: Callable[[], bytes], alternative: str, attributes: dict[str, str], alone: bool) -> str:
        """Return the markup of an image, or of a red box that names it and says what is wrong."""
        try:
            expression = images.write_image(self.images.keep(get()), alternative, attributes, alone)
        except ImageProblem as problem:
            self.degrade(str(problem))
            return self._define(_write_box(str(problem), alternative))
        return self._define(expression, _write_box(BAD_IMAGE, alternative), BAD_IMAGE)


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
