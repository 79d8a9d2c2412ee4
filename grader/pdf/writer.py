"""Write the blocks of pandoc's syntax tree as typst markup."""

from collections.abc import Sequence
from dataclasses import dataclass

from . import html, lines, tree
from .inlines import Inlines
from .literal import inline, quote

ALIGNMENT = {"AlignLeft": "left", "AlignRight": "right", "AlignCenter": "center", "AlignDefault": "left"}
UNREADABLE = "HTML that could not be read whole; it follows as typed."
TABLE_WIDTH = 92  # characters of a table's widest row that fit at full size
RULE = '#line(length: 100%, stroke: 0.4pt + rgb("#aab4bd"))'


@dataclass
class Writer(Inlines):
    """Writes one cell; where it `takes_title`, its first heading of level 1 becomes the title of its notebook."""

    headings: bool = True
    title: str = ""
    takes_title: bool = False

    def blocks(self, blocks: Sequence[tree.Block]) -> str:
        """Return the markup of a list of blocks."""
        return "\n\n".join(filter(None, (self.block(block) for block in blocks)))

    def block(self, block: tree.Block) -> str:
        """Return the markup of one block."""
        match block:
            case tree.Para(c=inlines) | tree.Plain(c=inlines):
                return self._write_paragraph(inlines)
            case tree.LineBlock(c=rows):
                return " \\\n".join(self.inlines(row) for row in rows)
            case tree.CodeBlock(c=((_, classes, _), text)):
                shown = lines.highlight(self.formulas.restore(text), classes[0] if classes else "text")
                return f"#snippet[{lines.typeset(shown)}]"
            case tree.RawBlock(c=(form, text)):
                return self._write_raw_block(text) if form == "html" else inline(self.formulas.restore(text))
            case tree.BlockQuote(c=blocks):
                return f"#quote(block: true)[{self.blocks(blocks)}]"
            case tree.BulletList(c=items):
                return f"#list({_write_tightness(items)}{self._write_items(items)})"
            case tree.OrderedList(c=((start, _, _), items)):
                return f"#enum(start: {max(start, 0)}, {_write_tightness(items)}{self._write_items(items)})"
            case tree.DefinitionList(c=entries):
                return f"#terms({''.join(self._write_entry(term, parts) for term, parts in entries)})"
            case tree.Header(c=(level, _, inlines)):
                return self._write_header(level, inlines)
            case tree.HorizontalRule():
                return RULE
            case tree.Div(c=(_, blocks)):
                return self.blocks(blocks)
            case tree.Figure(c=(_, (_, caption), body)):
                return self._write_figure(caption, body)
            case tree.Table():
                return self._write_table(block)

    def _write_paragraph(self, inlines: Sequence[tree.Inline]) -> str:
        alone = inlines[0] if len(inlines) == 1 else None
        return self._write_picture(alone, True) if isinstance(alone, tree.Image) else self.inlines(inlines)

    def _write_raw_block(self, text: str) -> str:
        if not html.has_content(text):
            return ""
        parsed = self.parse_html(text)
        if parsed is None or not html.holds(tree.read_text(parsed), text):
            shown = lines.typeset(lines.split(self.formulas.restore(text.rstrip("\n"))))
            return f"#fallback({quote(UNREADABLE)})[{shown}]"
        return self.blocks(parsed)

    def _write_items(self, items: Sequence[Sequence[tree.Block]]) -> str:
        return "".join(f"[{self.blocks(item)}], " for item in items)

    def _write_entry(self, term: Sequence[tree.Inline], parts: Sequence[Sequence[tree.Block]]) -> str:
        return f"terms.item([{self.inlines(term)}], [{' '.join(self.blocks(part) for part in parts)}]), "

    def _write_header(self, level: int, inlines: Sequence[tree.Inline]) -> str:
        if self.takes_title and level == 1 and not self.title:
            self.title = self._read_title(inlines)
            return ""
        body = self.inlines(inlines)
        if not self.headings or not body:
            return f"#strong[{body}]" if body else ""
        return f"#heading(level: {min(level + 1, 6)})[{body}]"

    def _write_figure(self, caption: Sequence[tree.Block], body: Sequence[tree.Block]) -> str:
        shown = self.blocks(body)
        pictured = any(isinstance(node, tree.Image) for node in tree.walk(body))
        return f"{shown}\n\n{self.blocks(caption)}" if caption and not pictured else shown

    def _write_table(self, table: tree.Table) -> str:
        _, (_, caption), columns, (_, rows), bodies, (_, foot) = table.c
        align = [ALIGNMENT.get(column[0].t, "left") for column in columns]
        body = [row for part in bodies for row in (*part[2], *part[3])] + foot
        widths = [0] * len(columns)
        for _, cells in rows + body:
            for at, cell in zip(range(len(columns)), cells):
                widths[at] = max(widths[at], len(tree.read_text(cell[4])))
        size = max(min(1.0, TABLE_WIDTH / max(sum(widths) + 3 * len(columns), 1)), 0.45)
        parts = "".join(self._write_row(row, "#strong") for row in rows)
        header = f"table.header({parts}), " if parts and any(cells for _, cells in rows) else ""
        markup = (
            f"#table(columns: {len(columns) or 1}, align: ({', '.join(align)},), {header}"
            f"{''.join(self._write_row(row) for row in body)})"
        )
        above = f"{self.blocks(caption)}\n\n" if caption else ""
        return f"{above}#[#set text(size: {size * 9.5:.2f}pt)\n{markup}]"

    def _write_row(self, row: tree.Row, style: str = "") -> str:
        cells = []
        for _, align, rowspan, colspan, blocks in row[1]:
            spans = f"rowspan: {rowspan}, " * (rowspan > 1) + f"colspan: {colspan}, " * (colspan > 1)
            if align.t in ALIGNMENT and align.t != "AlignDefault":
                spans += f"align: {ALIGNMENT[align.t]}, "
            body = self.blocks(blocks)
            cells.append(f"table.cell({spans}[{f'{style}[{body}]' if style and body else body}]), ")
        return "".join(cells)


def _write_tightness(items: Sequence[Sequence[tree.Block]]) -> str:
    tight = all(isinstance(block, tree.Plain) for item in items for block in item[:1])
    return "" if tight else "tight: false, "
