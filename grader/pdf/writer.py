"""The blocks of pandoc's syntax tree as typst markup."""

from dataclasses import dataclass

from . import html, lines
from .inlines import Inlines, strings
from .literal import inline, quote

ALIGNMENT = {"AlignLeft": "left", "AlignRight": "right", "AlignCenter": "center", "AlignDefault": "left"}
UNREADABLE = "HTML that could not be read whole; it follows as typed."
TABLE_WIDTH = 92  # characters of a table's widest row that fit at full size


@dataclass
class Writer(Inlines):
    """Writes one cell; where it `takes_title`, its first heading of level 1 becomes the title of its notebook."""

    headings: bool = True
    title: str = ""
    takes_title: bool = False

    def blocks(self, blocks: list[dict]) -> str:
        """Markup of a list of blocks."""
        return "\n\n".join(filter(None, (self.block(block) for block in blocks)))

    def block(self, block: dict) -> str:
        """Markup of one block."""
        kind, content = block["t"], block.get("c")
        return getattr(self, f"_block_{kind.lower()}", self._unknown)(content)

    def _unknown(self, content) -> str:
        return inline(strings(content))

    def _block_para(self, content) -> str:
        if len(content) == 1 and content[0]["t"] == "Image":
            return self._picture(content[0]["c"], True)
        return self.inlines(content)

    _block_plain = _block_para

    def _block_lineblock(self, content) -> str:
        return " \\\n".join(self.inlines(line) for line in content)

    def _block_codeblock(self, content) -> str:
        (_, classes, _), text = content
        shown = lines.highlight(self.formulas.restore(text), classes[0] if classes else "text")
        return f"#snippet[{lines.typeset(shown)}]"

    def _block_rawblock(self, content) -> str:
        form, text = content
        if form != "html":
            return inline(self.formulas.restore(text))
        if not html.has_content(text):
            return ""
        parsed = self.parse_html(text)
        if parsed is None or not html.holds(strings(parsed), text):
            shown = lines.typeset(lines.plain(self.formulas.restore(text.rstrip("\n"))))
            return f"#fallback({quote(UNREADABLE)})[{shown}]"
        return self.blocks(parsed)

    def _block_blockquote(self, content) -> str:
        return f"#quote(block: true)[{self.blocks(content)}]"

    def _block_bulletlist(self, content) -> str:
        return f"#list({self._tight(content)}{''.join(f'[{self.blocks(item)}], ' for item in content)})"

    def _block_orderedlist(self, content) -> str:
        (start, _, _), items = content
        body = "".join(f"[{self.blocks(item)}], " for item in items)
        return f"#enum(start: {max(start, 0)}, {self._tight(items)}{body})"

    def _block_definitionlist(self, content) -> str:
        items = [
            f"terms.item([{self.inlines(term)}], [{' '.join(self.blocks(part) for part in parts)}]), "
            for term, parts in content
        ]
        return f"#terms({''.join(items)})"

    def _block_header(self, content) -> str:
        level, _, inlines = content
        if self.takes_title and level == 1 and not self.title:
            self.title = self._title(inlines)
            return ""
        body = self.inlines(inlines)
        if not self.headings or not body:
            return f"#strong[{body}]" if body else ""
        return f"#heading(level: {min(level + 1, 6)})[{body}]"

    def _block_horizontalrule(self, _content) -> str:
        return '#line(length: 100%, stroke: 0.4pt + rgb("#aab4bd"))'

    def _block_null(self, _content) -> str:
        return ""

    def _block_div(self, content) -> str:
        return self.blocks(content[1])

    def _block_figure(self, content) -> str:
        _, (_, caption), body = content
        shown = self.blocks(body)
        return f"{shown}\n\n{self.blocks(caption)}" if caption and "Image" not in _kinds(body) else shown

    def _block_table(self, content) -> str:
        _, (_, caption), columns, (_, head), bodies, (_, foot) = content
        align = [ALIGNMENT.get(column[0]["t"], "left") for column in columns]
        rows = [*head]
        body = [row for part in bodies for row in (*part[2], *part[3])] + foot
        widths = [0] * len(columns)
        for _, cells in rows + body:
            for at, cell in zip(range(len(columns)), cells):
                widths[at] = max(widths[at], len(strings(cell[4])))
        size = max(min(1.0, TABLE_WIDTH / max(sum(widths) + 3 * len(columns), 1)), 0.45)
        parts = "".join(self._row(row, "#strong") for row in rows)
        header = f"table.header({parts}), " if parts and any(cells for _, cells in rows) else ""
        table = (
            f"#table(columns: {len(columns) or 1}, align: ({', '.join(align)},), {header}"
            f"{''.join(self._row(row) for row in body)})"
        )
        above = f"{self.blocks(caption)}\n\n" if caption else ""
        return f"{above}#[#set text(size: {size * 9.5:.2f}pt)\n{table}]"

    def _row(self, row, style: str = "") -> str:
        cells = []
        for _, align, rowspan, colspan, blocks in row[1]:
            spans = f"rowspan: {rowspan}, " * (rowspan > 1) + f"colspan: {colspan}, " * (colspan > 1)
            if align["t"] in ALIGNMENT and align["t"] != "AlignDefault":
                spans += f"align: {ALIGNMENT[align['t']]}, "
            body = self.blocks(blocks)
            cells.append(f"table.cell({spans}[{f'{style}[{body}]' if style and body else body}]), ")
        return "".join(cells)

    @staticmethod
    def _tight(items) -> str:
        return "" if all(block["t"] == "Plain" for item in items for block in item[:1]) else "tight: false, "


def _kinds(content) -> set[str]:
    if isinstance(content, dict):
        return {content.get("t", "")} | _kinds(content.get("c"))
    if isinstance(content, list):
        return set().union(*(_kinds(part) for part in content)) if content else set()
    return set()
