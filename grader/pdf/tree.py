"""Make pandoc's syntax tree fit for paper: its text, formulas, images, code, links and tables."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from . import lines
from .lines import inline
from .markup import Aside
from .pandoc import Node, raw, raw_block, read_text
from .typesetting import Tree

NO_ATTRIBUTES: list[Any] = ["", [], []]
TEXTS = {"Str", "Space", "SoftBreak"}
SPANS = {"kbd": "inline-code", "samp": "inline-code", "mark": "highlight", "small": "small"}
COLOUR = re.compile(r"(?:^|[;\s])color\s*:\s*(#?\w+)")
HEX = re.compile(r"#(?:[0-9A-Fa-f]{3}){1,2}")
COLOURS = {
    "red": "#d00000", "blue": "#0000d0", "green": "#007000", "orange": "#b05000", "purple": "#800080",
    "magenta": "#a000a0", "brown": "#803000", "gray": "#606060", "grey": "#606060", "teal": "#006070",
    "navy": "#000080", "maroon": "#800000",
}  # fmt: skip
TABLE_WIDTH = 92  # characters of a table's row that fit at full size, where each cell holds its longest word
SMALL, SMALLEST = 0.75, 0.5  # of full size: where a table is divided, and where it cannot be
URL = re.compile(r"https?://[^\s<>\"'(){}]*[^\s<>\"'(){}.,;:!?*_]")


@dataclass
class Adapter:
    """Makes the tree of one cell fit for paper: all text becomes string literals, which can hold no markup.

    `formula` gives the markup of a formula by its number, `image` that of an image by its address, its description,
    its attributes and whether it stands alone. Where the cell `takes_title`, its first heading of level 1 becomes the
    title of the notebook.
    """

    aside: Aside
    formula: Callable[[int], str]
    image: Callable[[str, str, dict[str, str], bool], str]
    headings: bool = True
    takes_title: bool = False
    title: str = ""
    headed: bool = False

    def adapt(self, nodes: Sequence[Node]) -> Tree:
        """Return a run of blocks or of inlines for paper; text next to text is one literal."""
        result: Tree = []
        for is_text, group in groupby(nodes, lambda node: node["t"] in TEXTS):
            if is_text:
                result.append(raw(self._write_words("".join(node.get("c", " ") for node in group))))
                continue
            for node in group:
                kind, content = node["t"], node.get("c")
                found = self._inline(kind, content)
                result += self._block(kind, content) if found is None else found
        return result

    def _adapt_inside(self, content: Any) -> Any:
        """Return what a node holds, with the nodes in it for paper."""
        if not isinstance(content, list):
            return content
        if content and all(isinstance(part, dict) and "t" in part for part in content):
            return self.adapt(content)
        return list(map(self._adapt_inside, content))

    def _inline(self, kind: str, content: Any) -> Tree | None:
        match kind:
            case "Code":
                return [raw(f"#inline-code[{inline(self.aside.restore(content[1]))}];")]
            case "LineBreak":
                return [raw("#linebreak();")]
            case "Link":
                return self._link(self.aside.restore(content[2][0]), self.adapt(content[1]))
            case "Image":
                return [raw(self._write_image(content, False))]
            case "Span":
                function = next((SPANS[name] for name in content[0][1] if name in SPANS), _read_colour(content[0][2]))
                body = self.adapt(content[1])
                return [raw(f"#{function}["), *body, raw("];")] if function else body
        return None

    def _block(self, kind: str, content: Any) -> Tree:
        match kind:
            case "Para" | "Plain" if len(content) == 1 and content[0]["t"] == "Image":
                return [raw_block(self._write_image(content[0]["c"], True))]
            case "CodeBlock":
                (_, classes, _), text = content
                language = classes[0].removeprefix("language-") if classes else "text"
                shown = lines.highlight(self.aside.restore(text.strip("\n")), language)
                return [raw_block(f"#snippet[{lines.typeset(shown)}]")]
            case "OrderedList":
                (start, style, delimiter), items = content
                return [{"t": kind, "c": [[max(start, 0), style, delimiter], list(map(self.adapt, items))]}]
            case "Header":
                return self._header(content[0], content[2])
            case "HorizontalRule":
                return [raw_block("#rule")]
            case "Div":
                return self.adapt(content[1])
            case "Figure":
                return self.adapt(content[2]) + self.adapt(content[1][1])
            case "Table":
                return self._table(content)
        return [{"t": kind, "c": self._adapt_inside(content)}]

    def _write_words(self, text: str) -> str:
        """Return the markup of a text with its formulas back in place."""
        parts = self.aside.word.split(text)
        parts[::2] = map(self.aside.restore, parts[::2])
        for at in range(1, len(parts), 2):
            number = int(parts[at])
            parts[at] = self.formula(number)
            if self.aside.formulas[number].display:  # no space at the margin after it
                parts[at + 1] = parts[at + 1].lstrip()
        return "".join(part if at % 2 else _link_addresses(part) for at, part in enumerate(parts))

    def _link(self, url: str, body: list[Node]) -> list[Node]:
        remote = re.match(r"(https?|mailto):", url, re.IGNORECASE)
        return [raw(f"#link({lines.quote(url)})["), *body, raw("];")] if remote and body else body

    def _write_image(self, image: Any, alone: bool) -> str:
        (_, _, attributes), alt, (url, _) = image
        return self.image(self.aside.restore(url, True), self.aside.restore(read_text(alt)), dict(attributes), alone)

    def _header(self, level: int, inlines: list[Node]) -> Tree:
        if self.takes_title and level == 1 and not self.title:
            self.title = self.aside.restore(read_text(inlines)).strip()
            return []
        body = self.adapt(inlines)
        if not body:
            return []
        if not self.headings:
            return [{"t": "Para", "c": [{"t": "Strong", "c": body}]}]
        self.headed = True
        return [{"t": "Header", "c": [min(level + 1, 6), NO_ATTRIBUTES, body]}]

    def _table(self, content: Any) -> Tree:
        """Return a table, in parts side by side where it has more columns than the page."""
        _, (_, caption), columns, head, bodies, foot = content
        groups = [head[1], [row for body in bodies for rows in body[2:] for row in rows] + foot[1]]
        rows = [row for group in groups for row in group]
        least = [0] * len(columns)
        for _, cells in rows:
            for at, cell in zip(range(len(columns)), cells):
                words = read_text(cell[4]).split()
                least[at] = max([least[at], *(min(len(word), lines.LONGEST) for word in words)])
        spanned = any(cell[2:4] != [1, 1] for _, cells in rows for cell in cells)
        parts = [range(len(columns))] if spanned else _divide(least)
        for group in groups:
            for _, cells in group:
                for cell in cells:
                    cell[4] = self.adapt(cell[4])
                    if group is groups[0]:
                        cell[4] = list(map(_embolden, cell[4]))
        result = self.adapt(caption)
        widest = max(sum(least[at] + 3 for at in part) for part in parts)
        size = max(min(1.0, TABLE_WIDTH / max(widest, 1)), SMALLEST)
        for part in parts:
            chosen = [[[no, _pick(cells, part, len(columns))] for no, cells in group] for group in groups]
            body = [NO_ATTRIBUTES, 0, [], chosen[1]]
            shape = [[columns[at][0], {"t": "ColWidthDefault"}] for at in part]
            none: list[Any] = [NO_ATTRIBUTES, []]
            table = {"t": "Table", "c": [NO_ATTRIBUTES, [None, []], shape, [NO_ATTRIBUTES, chosen[0]], [body], none]}
            result += [raw_block(f"#sized({size * 9.5:.2f}pt)["), table, raw_block("]")]
        return result


def _divide(least: list[int]) -> list[Sequence[int]]:
    """Return the columns of each part of a table; the first column stands in all."""
    parts: list[list[int]] = [[]]
    for at, width in enumerate(least):
        if parts[-1][1:] and sum(least[other] + 3 for other in parts[-1]) + width + 3 > TABLE_WIDTH / SMALL:
            parts.append([0])
        parts[-1].append(at)
    return [*parts]


def _pick(cells: list[Any], part: Sequence[int], whole: int) -> list[Any]:
    return cells if len(part) == whole else [cells[at] for at in part if at < len(cells)]


def _read_colour(attributes: list[list[str]]) -> str:
    """Return the typst function for the colour of a span, dark enough to be read in grey."""
    found = COLOUR.search(dict(attributes).get("style", ""))
    if not found:
        return ""
    colour = COLOURS.get(found[1].lower(), found[1])
    return f'coloured("{colour}")' if HEX.fullmatch(colour) else ""


def _embolden(block: Node) -> Node:
    return {"t": block["t"], "c": [{"t": "Strong", "c": block["c"]}]} if block["t"] in ("Para", "Plain") else block


def _link_addresses(text: str) -> str:
    """Return a text as markup; the addresses in it are links."""
    parts, at = [], 0
    for found in URL.finditer(text):
        parts += [inline(text[at : found.start()]), f"#link({lines.quote(found[0])})[{inline(found[0])}];"]
        at = found.end()
    return "".join([*parts, inline(text[at:])])
