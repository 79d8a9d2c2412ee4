"""The inlines of pandoc's syntax tree as typst markup; all text goes through string literals."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from . import html
from .formulas import Formulas
from .literal import inline, quote

MARKUP = {
    "Emph": "emph", "Strong": "strong", "Underline": "underline", "Strikeout": "strike", "Superscript": "super",
    "Subscript": "sub", "SmallCaps": "smallcaps",
}  # fmt: skip


@dataclass
class Inlines:
    """Writes runs of text: `formula` gives the markup of a formula by number, `image` that of an image by its address.

    `parse_html` gives the blocks of a piece of HTML, or None where that cannot be read."""

    formulas: Formulas
    formula: Callable[[int], str]
    image: Callable[[str, str, str, bool], str]
    parse_html: Callable[[str], list[dict] | None]

    def blocks(self, blocks: list[dict]) -> str:
        """Markup of a list of blocks, as in a footnote."""
        raise NotImplementedError

    def inlines(self, inlines: list[dict]) -> str:
        """Markup of a run of inlines; text next to text is one literal."""
        parts: list[str] = []
        text: list[str] = []
        stack: list[tuple[str, int]] = []  # open HTML tags and where their content begins

        def flush() -> None:
            if text:
                parts.append(self._words("".join(text)))
                text.clear()

        for item in inlines:
            kind, content = item["t"], item.get("c")
            if kind == "Str":
                text.append(content)
            elif kind in ("Space", "SoftBreak"):
                text.append(" ")
            elif kind == "RawInline":
                flush()
                self._raw(content, parts, stack)
            else:
                flush()
                parts.append(self._inline(kind, content))
        flush()
        return "".join(parts)

    def _inline(self, kind: str, content) -> str:
        if kind in MARKUP:
            return f"#{MARKUP[kind]}[{self.inlines(content)}];"
        if kind == "Code":
            return _mono(self.formulas.restore(content[1]))
        if kind == "LineBreak":
            return "#linebreak();"
        if kind == "Link":
            return self._link(self.formulas.restore(content[2][0]), self.inlines(content[1]))
        if kind == "Image":
            return self._picture(content, False)
        if kind == "Note":
            return f"#footnote[{self.blocks(content)}];"
        if kind == "Quoted":
            marks = "‘’" if content[0]["t"] == "SingleQuote" else "“”"
            return inline(marks[0]) + self.inlines(content[1]) + inline(marks[1])
        if kind in ("Span", "Cite"):
            return self.inlines(content[1])
        if kind == "Math":
            return inline(content[1])
        return inline(strings(content))

    def _words(self, text: str) -> str:
        """Text with its formulas back in place."""
        parts = self.formulas.word.split(text)
        for at in range(1, len(parts), 2):
            number = int(parts[at])
            parts[at] = self.formula(number)
            if self.formulas.found[number].display:  # no space at the margin after it
                parts[at + 1] = parts[at + 1].lstrip()
        return "".join(part if at % 2 else inline(part) for at, part in enumerate(parts))

    def _title(self, inlines: list[dict]) -> str:
        return self.formulas.restore(strings(inlines)).strip()

    def _link(self, url: str, body: str) -> str:
        try:
            remote = urlsplit(url).scheme in ("http", "https", "mailto")
        except ValueError:
            remote = False
        return f"#link({quote(url)})[{body}];" if remote and body else body

    def _picture(self, content, alone: bool) -> str:
        (_, _, attributes), alt, (url, _) = content
        width = dict(attributes).get("width", "")
        return self.image(self.formulas.restore(url), self.formulas.restore(strings(alt)), width, alone)

    def _raw(self, content, parts: list[str], stack: list[tuple[str, int]]) -> None:
        """One raw inline: an HTML tag opens or closes a group, stands for an image or a break, or is shown."""
        form, text = content
        tag = html.tag(text) if form == "html" else None
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
            parts[start:] = [_wrapped(html.WRAPPERS[tag.name], "".join(parts[start:]))]


def _mono(text: str) -> str:
    """Code in a line of text."""
    return f"#text(font: code-fonts, size: 0.84em, ligatures: false)[{inline(text)}];"


def _wrapped(function: str, body: str) -> str:
    if function == "code":
        return f"#text(font: code-fonts, size: 0.84em)[{body}];"
    if function == "small":
        return f"#text(size: 0.85em)[{body}];"
    if function == "quoted":
        return inline("“") + body + inline("”")
    return f"#{function}[{body}];"


def strings(content) -> str:
    """The words of a part of the tree."""
    if isinstance(content, dict):
        if content.get("t") in ("Space", "SoftBreak", "LineBreak"):
            return " "
        if content.get("t") in ("Code", "Math", "RawInline", "CodeBlock", "RawBlock"):
            return content["c"][1]
        return content["c"] if content.get("t") == "Str" else strings(content.get("c"))
    if isinstance(content, list):
        return "".join(strings(part) for part in content if isinstance(part, dict | list))
    return ""
