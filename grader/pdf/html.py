"""Read HTML inside Markdown: which tags keep their meaning on paper, which do not, what is no tag at all."""

import html
import re
from dataclasses import dataclass
from html.parser import HTMLParser

WRAPPERS = {
    "b": "strong", "strong": "strong", "i": "emph", "em": "emph", "cite": "emph", "var": "emph", "dfn": "emph",
    "u": "underline", "ins": "underline", "s": "strike", "strike": "strike", "del": "strike",
    "sub": "sub", "sup": "super", "mark": "highlight", "code": "code", "kbd": "code", "tt": "code", "samp": "code",
    "small": "small", "q": "quoted",
}  # fmt: skip
TRANSPARENT = {
    "a", "abbr", "address", "article", "aside", "audio", "big", "blockquote", "body", "button", "caption", "center",
    "col", "colgroup", "dd", "details", "div", "dl", "dt", "figcaption", "figure", "font", "footer", "form", "h1", "h2",
    "h3", "h4", "h5", "h6", "head", "header", "html", "iframe", "input", "label", "li", "link", "main", "meta", "nav",
    "ol", "option", "p", "path", "picture", "pre", "script", "section", "select", "source", "span", "style", "summary",
    "svg", "table", "tbody", "td", "textarea", "tfoot", "th", "thead", "title", "tr", "ul", "video", "wbr",
}  # fmt: skip
HIDDEN = re.compile(r"<(script|style|head|title)\b[^>]*>.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<![A-Za-z][^>]*>|<\?.*?\?>", re.DOTALL)
TAG = re.compile(r"</?[A-Za-z](?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>")
WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Tag:
    """One HTML tag."""

    name: str
    closing: bool
    attributes: dict[str, str]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tag: Tag | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = self.tag or Tag(tag, False, {key: value or "" for key, value in attrs})

    def handle_endtag(self, tag: str) -> None:
        self.tag = self.tag or Tag(tag, True, {})


def parse_tag(text: str) -> Tag | None:
    """Return the tag of a piece of raw HTML; None for a comment or the like."""
    reader = _Reader()
    try:
        reader.feed(text)
    except (AssertionError, ValueError):
        return None
    return reader.tag


def strip_hidden(text: str) -> str:
    """Return HTML without the parts that a browser does not show."""
    return COMMENT.sub("", HIDDEN.sub("", text))


def has_content(text: str) -> bool:
    """Return whether a browser would show anything of it."""
    shown = strip_hidden(text)
    return bool(html.unescape(TAG.sub("", shown)).strip()) or bool(re.search(r"<(img|hr|table|input)\b", shown, re.I))


def holds(text: str, markup: str) -> bool:
    """Return whether a text holds every word that a piece of HTML shows."""
    return all(word in text for word in set(WORD.findall(html.unescape(TAG.sub(" ", strip_hidden(markup))))))


def cut_rows(text: str, most: int) -> tuple[str, int]:
    """Return a table with its first and last rows, and how many rows were left out."""
    rows = list(re.finditer(r"<tr\b.*?(?:</tr\s*>|(?=<tr\b)|\Z)", text, re.DOTALL | re.IGNORECASE))
    if len(rows) <= most:
        return text, 0
    first, last = most * 2 // 3, most - most * 2 // 3
    return text[: rows[first].start()] + text[rows[-last].start() :], len(rows) - most
