"""Have pandoc parse one notebook's Markdown, its formulas and the HTML in either, in three processes."""

from concurrent.futures import ThreadPoolExecutor

from . import html, mathematics, outputs, pandoc, tree
from .formulas import Formulas, choose_prefix
from .notebook import Cell
from .outputs import Limits, Shown

Tree = list[tree.Block]


class Parsed:
    """The formulas of some cells, what is shown of their outputs, and the trees of all their Markdown and HTML."""

    def __init__(self, cells: list[Cell], limits: Limits) -> None:
        self.shown = {cell.index: outputs.select(cell.outputs, limits) for cell in cells}
        texts = [cell.source for cell in cells] + [shown.text for group in self.shown.values() for shown in group]
        self.formulas = Formulas(prefix=choose_prefix(texts))
        self._prepared: dict[int, str] = {}
        self._trees: dict[tuple[str, str], Tree | None] = {}
        self._parse(*self._collect_fragments(cells))

    def markdown(self, cell: Cell) -> Tree | None:
        """Return the tree of a Markdown cell; None where pandoc cannot read it."""
        return self._trees[pandoc.MARKDOWN, self._prepared[cell.index]]

    def output(self, shown: Shown) -> Tree | None:
        """Return the tree of an output in Markdown or HTML; None where pandoc cannot read it."""
        return self._trees.get((pandoc.MARKDOWN if shown.kind == "markdown" else pandoc.HTML, shown.text))

    def html(self, text: str) -> Tree | None:
        """Return the tree of a block of HTML; None where pandoc cannot read it."""
        return self._trees.get((pandoc.HTML, text))

    def _collect_fragments(self, cells: list[Cell]) -> tuple[list[str], list[str]]:
        """Return the pieces of Markdown and of HTML, their formulas taken out."""
        markdown: list[str] = []
        markup: list[str] = []
        for cell in cells:
            if cell.kind == "markdown":
                self._prepared[cell.index] = self.formulas.extract(cell.source, cell.index)
                markdown.append(self._prepared[cell.index])
            for shown in self.shown[cell.index]:
                if shown.kind == "markdown":
                    shown.text = self.formulas.extract(shown.text, cell.index)
                    markdown.append(shown.text)
                elif shown.kind == "html":
                    markup.append(shown.text)
                elif shown.kind == "latex":
                    formula, display = _strip_dollars(shown.text), "$$" in shown.text
                    shown.text = self.formulas.add(formula, display, cell.index, shown.text)
        return markdown, markup

    def _parse(self, markdown: list[str], markup: list[str]) -> None:
        with ThreadPoolExecutor(1) as pool:
            setting = pool.submit(mathematics.typeset, self.formulas.found)
            for text, blocks in zip(markdown, pandoc.parse(markdown, pandoc.MARKDOWN)):
                self._trees[pandoc.MARKDOWN, text] = blocks
                raw = [node.c for node in tree.walk(blocks) if isinstance(node, tree.RawBlock)]
                markup += [content for form, content in raw if form == "html"]
            markup = [text for text in dict.fromkeys(markup) if html.has_content(text)]
            for text, blocks in zip(markup, pandoc.parse([html.strip_hidden(text) for text in markup], pandoc.HTML)):
                self._trees[pandoc.HTML, text] = blocks
            setting.result()


def _strip_dollars(latex: str) -> str:
    """Return the TeX of an output without its dollar signs."""
    return latex.strip().strip("$").replace(r"\displaystyle", "").strip()
