"""Write the tree of HTML as typst: text as literals, formulas and images in place, lists, code and tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import lines
from .lines import inline, quote
from .markup import FORMULA, Aside

if TYPE_CHECKING:
    from lxml.html import HtmlElement

BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "button", "caption", "center", "dd", "details", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "html", "li", "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "ul", "video"
}  # fmt: skip
FIXED = {"br": "#linebreak();", "hr": "#rule"}
FUNCTIONS = {
    "b": "strong", "blockquote": "quote(block: true)", "cite": "emph", "code": "inline-code",
    "dd": "pad(left: 1.5em)", "del": "strike", "dfn": "emph", "dt": "strong", "em": "emph", "i": "emph",
    "ins": "underline", "kbd": "inline-code", "mark": "highlight", "q": "quote", "s": "strike", "samp": "inline-code",
    "small": "small", "strike": "strike", "strong": "strong", "sub": "sub", "sup": "super", "th": "strong",
    "tt": "inline-code", "u": "underline", "var": "emph",
}  # fmt: skip  # of the template or of typst, that an element is an argument of
COLOUR = re.compile(r"(?:^|[;\s])color\s*:\s*(#?\w+)")
HEX = re.compile(r"#(?:[0-9A-Fa-f]{3}){1,2}")
COLOURS = {
    "red": "#d00000", "blue": "#0000d0", "green": "#007000", "orange": "#b05000", "purple": "#800080",
    "magenta": "#a000a0", "brown": "#803000", "gray": "#606060", "grey": "#606060", "teal": "#006070",
    "navy": "#000080", "maroon": "#800000",
}  # fmt: skip
ROWS = {"tbody", "tfoot", "thead", "tr"}
PARTS = {"ol": {"li"}, "ul": {"li"}, "tr": {"td", "th"}}
SIDE = re.compile(r"text-align:\s*(left|center|right)|^(left|center|right)$")
TABLE_WIDTH = 92  # characters of a table's row that fit at full size, where each cell holds its longest word
SMALL, SMALLEST = 0.75, 0.5  # of full size: where a table is divided, and where it cannot be
MOST_SPANNED = 100  # columns of one cell
URL = re.compile(r"https?://[^\s<>\"'(){}]*[^\s<>\"'(){}.,;:!?*_]")
NUMBER = re.compile(r"[0-9]{1,9}")  # as typst can read it
BLANKS = re.compile(r"[ \t\n\r\f]+")
PlacedCell = tuple[int, int, int, int, "HtmlElement"]  # of a table: its column, row, width, height and element


@dataclass
class Writer:
    """Writes the tree of one cell; all text becomes string literals, which can hold no markup.

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

    def write(self, node: HtmlElement) -> str:
        """Return the markup of what an element holds."""
        parts = [self._write_words(node.text)]
        for child in node:
            if isinstance(child.tag, str):
                parts.append(self._write_element(child))
            parts.append(self._write_words(child.tail))
        return "".join(parts)

    def _write_element(self, node: HtmlElement) -> str:
        markup = FIXED.get(node.tag) or SPECIAL.get(node.tag, Writer._wrap)(self, node)
        if node.tag not in BLOCKS:
            return markup
        parent = node.getparent()
        within = node.tag in ("ol", "ul") and parent.tag == "li" and parent.find("p") is None  # no space around it
        return f"\n{markup}\n" if within else f"\n\n{markup.strip()}\n\n"

    def _wrap(self, node: HtmlElement) -> str:
        """Return an element's content in the function that belongs to it, or as it is."""
        function = FUNCTIONS.get(node.tag) or _read_colour(node)
        body = self.write(node)
        return f"#{function}[{body.strip() if node.tag in BLOCKS else body}];" if function and body.strip() else body

    def _write_words(self, text: str | None) -> str:
        """Return the markup of a text with its formulas in place; spaces at its ends stay typst's to drop."""
        parts = FORMULA.split(text or "")
        for at, part in enumerate(parts):
            if at % 2:
                parts[at] = self.formula(int(part))
            elif part:
                words = BLANKS.sub(" ", self.aside.restore(part))
                parts[at] = " " * (words[0] == " ") + _link_addresses(words.strip(" ")) + " " * words[1:].endswith(" ")
        return "".join(parts)

    def _write_code(self, node: HtmlElement) -> str:
        names = [node.get("class", ""), *(child.get("class", "") for child in node.iter("code"))]
        found = re.search(r"language-(\S+)", " ".join(names))
        for line in node.iter("br"):
            line.tail = f"\n{line.tail or ''}"
        shown = self.aside.restore(node.text_content().strip("\n"))
        return f"#snippet[{lines.typeset_lines(lines.highlight(shown, found[1] if found else 'text'))}]"

    def _write_list(self, node: HtmlElement) -> str:
        loose = any(child.tag == "p" for item in node for child in item)
        start = node.get("start", "1")
        options = f"start: {start}, " if node.tag == "ol" and NUMBER.fullmatch(start) else ""
        items = "".join(f"[{self.write(item).strip()}]" for item in node if item.tag == "li")
        function = "enum" if node.tag == "ol" else "list"
        return f"#{function}({options}tight: {str(not loose).lower()}){items}\n\n{self._write_beside(node)}"

    def _write_beside(self, node: HtmlElement) -> str:
        """Return what a list or a table holds beside its items or cells."""
        parts = [self._write_words(node.text)]
        for child in node:
            if child.tag in ROWS:
                parts.append(self._write_beside(child))
            elif isinstance(child.tag, str) and child.tag not in PARTS.get(node.tag, ()):
                parts.append(self._write_element(child))
            parts.append(self._write_words(child.tail))
        return " ".join(parts).strip()

    def _write_link(self, node: HtmlElement) -> str:
        url, body = self.aside.restore(node.get("href", "")), self.write(node)
        remote = re.match(r"(https?|mailto):", url, re.IGNORECASE)
        return f"#link({quote(url)})[{body}];" if remote and body.strip() else body

    def _write_image(self, node: HtmlElement) -> str:
        parent = node.getparent()
        alone = parent.tag in BLOCKS | {"td", "th"} and len(parent) == 1
        alone = alone and not f"{parent.text or ''}{node.tail or ''}".strip()
        url, alternative = node.get("src", ""), self.aside.restore(node.get("alt", ""))
        return self.image(self.aside.restore(url, True), alternative, dict(node.attrib), alone)

    def _write_input(self, node: HtmlElement) -> str:
        box = node.get("type", "").lower() in ("checkbox", "radio")
        return inline("☐" if node.get("checked") is None else "☒") if box else ""

    def _write_heading(self, node: HtmlElement) -> str:
        if self.takes_title and node.tag == "h1" and not self.title:
            self.title = self.aside.restore(BLANKS.sub(" ", node.text_content()).strip())
            return ""
        body = self.write(node).strip()
        if not body or not self.headings:
            return f"#strong[{body}]"
        self.headed = True
        return f"#heading(level: {min(int(node.tag[1]) + 1, 6)})[{body}]"

    def _write_table(self, node: HtmlElement) -> str:
        """Return a table, in parts side by side where it has more columns than the page."""
        rows = [row for row in node.iter("tr") if _stands_in(row, node)]
        cells = _place_cells(rows)
        least = [0] * max((at + width for at, _, width, _, _ in cells), default=0)
        for at, _, _, _, cell in cells:
            words = self.aside.restore(cell.text_content()).split()
            least[at] = max([least[at], *(min(len(word), lines.LONGEST) for word in words)])
        parts = _divide(least)
        size = max(min(1.0, TABLE_WIDTH / max(1, *(sum(least[at] + 3 for at in part) for part in parts))), SMALLEST)
        head = _count_header(rows, cells)
        bodies = [self._wrap(cell).strip() for *_, cell in cells]
        result = self._write_beside(node)
        for part in parts if cells else ():
            texts = []
            for (x, y, width, height, cell), body in zip(cells, bodies):
                inside = [at for at, column in enumerate(part) if x <= column < x + width]
                if inside:
                    texts.append((y, _write_cell((inside[0], y, len(inside), height, cell), body)))
            top, rest = (", ".join(text for y, text in texts if (y < head) == above) for above in (True, False))
            header = f"table.header({top}), " if top else ""
            result += f"\n\n#sized({size * 9.5:.2f}pt)[#table(columns: {len(part)}, {header}{rest})]"
        return result


SPECIAL = {
    "a": Writer._write_link, "img": Writer._write_image, "input": Writer._write_input, "ol": Writer._write_list,
    "pre": Writer._write_code, "table": Writer._write_table, "ul": Writer._write_list,
    **{f"h{n}": Writer._write_heading for n in range(1, 7)},
}  # fmt: skip


def _write_cell(place: PlacedCell, body: str) -> str:
    x, y, width, height, cell = place
    side = SIDE.search(cell.get("align", "").lower() or cell.get("style", ""))
    align = f"align: {side[1] or side[2]}, " if side else ""
    spans = f"colspan: {width}, rowspan: {height}, " if (width, height) != (1, 1) else ""
    return f"table.cell(x: {x}, y: {y}, {align}{spans}[{body}])"


def _stands_in(row: HtmlElement, table: HtmlElement) -> bool:
    """Return whether a row is one of the table, not of another in it."""
    above = next(element for element in row.iterancestors() if element.tag not in ROWS)
    return bool(above is table)


def _place_cells(rows: list[HtmlElement]) -> list[PlacedCell]:
    """Return the column, row, width, height and element of each cell of a table."""
    taken: set[tuple[int, int]] = set()
    placed = []
    for y, row in enumerate(rows):
        x = 0
        for cell in row.iterchildren("td", "th"):
            while (x, y) in taken:
                x += 1
            width = min(_read_span(cell, "colspan"), MOST_SPANNED)
            height = min(_read_span(cell, "rowspan"), len(rows) - y)
            taken |= {(x + i, y + j) for i in range(width) for j in range(height)}
            placed.append((x, y, width, height, cell))
    return placed


def _read_span(cell: HtmlElement, name: str) -> int:
    text = cell.get(name, "1").strip()
    return max(int(text), 1) if NUMBER.fullmatch(text) else 1


def _count_header(rows: list[HtmlElement], cells: list[PlacedCell]) -> int:
    """Return how many rows are repeated on each page of a table: those of its head, as far as no cell leaves them."""
    count = sum(row.getparent().tag == "thead" for row in rows)
    count = count or int(bool(rows) and len(rows[0]) > 0 and all(cell.tag == "th" for cell in rows[0]))
    return count if all(y + height <= count for _, y, _, height, _ in cells if y < count) else 0


def _divide(least: list[int]) -> list[list[int]]:
    """Return the columns of each part of a table; the first column stands in all."""
    parts: list[list[int]] = [[]]
    for at, width in enumerate(least):
        if parts[-1][1:] and sum(least[other] + 3 for other in parts[-1]) + width + 3 > TABLE_WIDTH / SMALL:
            parts.append([0])
        parts[-1].append(at)
    return parts


def _read_colour(node: HtmlElement) -> str:
    """Return the typst function for the colour of an element, dark enough to be read in grey."""
    found = COLOUR.search(node.get("style", "") if node.tag != "font" else f"color:{node.get('color', '')}")
    if not found or node.tag not in ("font", "span"):
        return ""
    colour = COLOURS.get(found[1].lower(), found[1])
    return f'coloured("{colour}")' if HEX.fullmatch(colour) else ""


def _link_addresses(text: str) -> str:
    """Return a text as markup; the addresses in it are links."""
    parts, at = [], 0
    for found in URL.finditer(text):
        parts += [inline(text[at : found.start()]), f"#link({quote(found[0])})[{inline(found[0])}];"]
        at = found.end()
    return "".join([*parts, inline(text[at:])])
