"""Write the inlines of pandoc's syntax tree as typst markup; all text goes through string literals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import html, tree
from .formulas import Formulas
from .literal import inline, quote

MARKUP: dict[type[tree.Node], str] = {
    tree.Emph: "emph", tree.Strong: "strong", tree.Underline: "underline", tree.Strikeout: "strike",
    tree.Superscript: "super", tree.Subscript: "sub", tree.SmallCaps: "smallcaps",
}  # fmt: skip


@dataclass
class Inlines:
    """Writes runs of text with callbacks for their formulas, images and HTML.

    `formula` gives the markup of a formula by number, `image` that of an image by its address.
    `parse_html` gives the blocks of a piece of HTML, or None where that cannot be read.
    """

    formulas: Formulas
    formula: Callable[[int], str]
    image: Callable[[str, str, str, bool], str]
    parse_html: Callable[[str], list[tree.Block] | None]

    def blocks(self, blocks: Sequence[tree.Block]) -> str:
        """Return the markup of a list of blocks, as in a footnote."""
        raise NotImplementedError

    def inlines(self, inlines: Sequence[tree.Inline]) -> str:
        """Return the markup of a run of inlines; text next to text is one literal."""
        parts: list[str] = []
        text: list[str] = []
        stack: list[tuple[str, int]] = []  # open HTML tags and where their content begins

        def flush() -> None:
            if text:
                parts.append(self._write_words("".join(text)))
                text.clear()

        for item in inlines:
            if isinstance(item, tree.Str):
                text.append(item.c)
            elif isinstance(item, tree.Space | tree.SoftBreak):
                text.append(" ")
            elif isinstance(item, tree.RawInline):
                flush()
                self._write_raw(*item.c, parts, stack)
            else:
                flush()
                parts.append(self._write(item))
        flush()
        return "".join(parts)

    def _write(self, item: tree.Inline) -> str:
        match item:
            case tree.Code(c=(_, text)):
                return _write_code(self.formulas.restore(text))
            case tree.LineBreak():
                return "#linebreak();"
            case tree.Link(c=(_, inlines, (url, _))):
                return self._write_link(self.formulas.restore(url), self.inlines(inlines))
            case tree.Image():
                return self._write_picture(item, False)
            case tree.Note(c=blocks):
                return f"#footnote[{self.blocks(blocks)}];"
            case tree.Quoted(c=(kind, inlines)):
                opening, closing = "‘’" if kind.t == "SingleQuote" else "“”"
                return inline(opening) + self.inlines(inlines) + inline(closing)
            case tree.Span(c=(_, inlines)) | tree.Cite(c=(_, inlines)):
                return self.inlines(inlines)
            case tree.Math(c=(_, text)):
                return inline(text)
            case tree.Str() | tree.Space() | tree.SoftBreak() | tree.RawInline():
                return inline(tree.read_text(item))
        return f"#{MARKUP[type(item)]}[{self.inlines(item.c)}];"

    def _write_words(self, text: str) -> str:
        """Return the markup of a text with its formulas back in place."""
        parts = self.formulas.word.split(text)
        for at in range(1, len(parts), 2):
            number = int(parts[at])
            parts[at] = self.formula(number)
            if self.formulas.found[number].display:  # no space at the margin after it
                parts[at + 1] = parts[at + 1].lstrip()
        return "".join(part if at % 2 else inline(part) for at, part in enumerate(parts))

    def _read_title(self, inlines: Sequence[tree.Inline]) -> str:
        return self.formulas.restore(tree.read_text(inlines)).strip()

    def _write_link(self, url: str, body: str) -> str:
        try:
            remote = urlsplit(url).scheme in ("http", "https", "mailto")
        except ValueError:
            remote = False
        return f"#link({quote(url)})[{body}];" if remote and body else body

    def _write_picture(self, image: tree.Image, alone: bool) -> str:
        (_, _, attributes), alt, (url, _) = image.c
        width = dict(attributes).get("width", "")
        return self.image(self.formulas.restore(url), self.formulas.restore(tree.read_text(alt)), width, alone)

    def _write_raw(self, form: str, text: str, parts: list[str], stack: list[tuple[str, int]]) -> None:
        """Write one raw inline: an HTML tag opens or closes a group, stands for an image or a break, or is shown."""
        tag = html.parse_tag(text) if form == "html" else None
        if tag is None:
            if form != "html" or not text.startswith("<"):
                parts.append(inline(self.formulas.restore(text)))
        elif tag.name == "br":
            parts.append("#linebreak();")
        elif tag.name == "img":
            source, alt = tag.attributes.get("src", ""), tag.attributes.get("alt", "")
            parts.append(self.image(self.formulas.restore(source), alt, tag.attributes.get("width", ""), False))
        elif tag.name in html.WRAPPERS:
            self._wrap(tag, parts, stack)
        elif tag.name not in html.TRANSPARENT:
            parts.append(inline(self.formulas.restore(text)))

    def _wrap(self, tag: html.Tag, parts: list[str], stack: list[tuple[str, int]]) -> None:
        if not tag.closing:
            stack.append((tag.name, len(parts)))
            return
        at = next((n for n in range(len(stack) - 1, -1, -1) if stack[n][0] == tag.name), None)
        if at is not None:
            start = stack[at][1]
            del stack[at:]
            parts[start:] = [_apply_tag(html.WRAPPERS[tag.name], "".join(parts[start:]))]


def _write_code(text: str) -> str:
    """Return the markup of code in a line of text."""
    return f"#text(font: code-fonts, size: 0.84em, ligatures: false)[{inline(text)}];"


def _apply_tag(function: str, body: str) -> str:
    if function == "code":
        return f"#text(font: code-fonts, size: 0.84em)[{body}];"
    if function == "small":
        return f"#text(size: 0.85em)[{body}];"
    if function == "quoted":
        return inline("“") + body + inline("”")
    return f"#{function}[{body}];"
