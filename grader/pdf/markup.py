"""Read Markdown as notebooks' viewers do and return its HTML; formulas and images' data are kept aside."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from .lines import CONTROLS

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

PIECE = re.compile(
    r"""
    (?P<skip>
        ^[ \t>]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?:.*?^[ \t>]*(?P=fence)[`~]*[ \t]*$|.*\Z) # a fenced block
      | (?<!`)(?P<ticks>`+)(?!`)(?:(?!\n[ \t]*\n).)+?(?<!`)(?P=ticks)(?!`)                # a code span
      | <!--.*?-->
      | </?[A-Za-z][^<>\n]*>
      | (?<!\\)\\\$
      | \]\([^()\s]*\) # a link's target
    )
  | (?P<display>\$\$(?P<display_tex>(?:\\.|(?!\n[ \t]*\n|\$\$|`).)+?)\$\$)
  | (?P<inline>\$(?!\$)(?P<inline_tex>(?:\\(?:text\w*|mbox)\{[^{}\n]*\}|\\.|(?!\n[ \t]*\n)[^$\\`])+?)\$(?!\d))
  | (?P<environment>\\begin\{(?P<name>[A-Za-z]+\*?)\}.*?\\end\{(?P=name)\})
  | (?P<round>\\\\\((?P<round_tex>(?:(?!\n[ \t]*\n).)+?)\\\\\))
  | (?P<square>\\\\\[(?P<square_tex>(?:(?!\n[ \t]*\n).)+?)\\\\\])
    """,
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
DATA = re.compile(r"data:image/[^\s\"'()<>,]*,[^\s\"'()<>]*")
SOLITARY = ("equation", "align", "alignat", "gather", "multline", "eqnarray", "flalign", "math", "displaymath")
PLAIN = CONTROLS | dict.fromkeys((0x85, 0x2028, 0x2029), "\n")
TABLE = re.compile(
    r"^[ \t>]*(?P<fence>`{3,}|~{3,})[^\n]*\n(?:.*?^[ \t>]*(?P=fence)|.*\Z)"  # a fenced block, where no table is
    r"|^(?P<head>[^\n]*\|[^\n]*)\n(?P<rule>[ ]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?)[ \t]*$"
    r"(?P<rows>(?:\n[^\n]*\|[^\n]*)*)",
    re.MULTILINE | re.DOTALL,
)
PIPE = re.compile(r"(?<!\\)\|")
NOTE = re.compile(r"\[\^([^\]\s]+)\](:?)")
TASK = re.compile(r"(<li>\s*(?:<p>)?)\[([ xX])\](?=\s)")
HIDDEN = re.compile(r"<(script|style|head|title)\b[^>]*>.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)|<![A-Za-z][^>]*>|<\?.*?\?>", re.DOTALL)
TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>")
TABLE_TAG = re.compile(r"<(/?)(table|thead|tbody|tfoot|tr|td|th)\b(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>", re.IGNORECASE)
LEVELS = {"table": 0, "thead": 1, "tbody": 1, "tfoot": 1, "tr": 2, "td": 3, "th": 3}
WORD = re.compile(r"[^\W_]+")
ATTRIBUTED = re.compile(r"<\w+(?:\s+[\w:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))*\s*/?>")  # not `<b and c>`
VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
FONT = re.compile(r"<font\b(?=[^>]*?\bcolor\s*=\s*[\"']?(#?\w+))?")  # which pandoc drops
NAMES = (
    "a abbr address article aside audio b big blockquote body button caption center cite code colgroup dd del details "
    "dfn div dl dt em figcaption figure font footer form h1 h2 h3 h4 h5 h6 head header html i iframe ins kbd label li "
    "main mark nav ol option p path picture pre q s samp script section select small span strike strong style sub "
    "summary sup svg table tbody td textarea tfoot th thead title tr tt u ul var video"
)
TAGS = VOID | set(NAMES.split())


@dataclass
class Formula:
    """One formula: its TeX, whether it stands alone, its cell and, once set, its typst and its number."""

    tex: str
    display: bool
    cell: int
    typst: str = ""
    tag: str = ""
    source: str = ""
    empty: bool = False  # it only defines macros

    @property
    def verbatim(self) -> str:
        return self.source or (f"$${self.tex}$$" if self.display else f"${self.tex}$")


@dataclass
class Aside:
    """The formulas and the images' data of a notebook; in texts that a parser reads, a word stands for each."""

    prefix: str = "zq"
    formulas: list[Formula] = field(default_factory=list)
    data: list[str] = field(default_factory=list)

    def hide_data(self, text: str) -> str:
        """Return the text with a word for each image's data, which may be megabytes."""

        def replace(found: re.Match[str]) -> str:
            self.data.append(found[0])
            return f"{self.prefix}data{len(self.data) - 1}zq"

        return DATA.sub(replace, text)

    @property
    def word(self) -> re.Pattern[str]:
        return re.compile(rf"{self.prefix}math(\d+)zq")

    def add(self, tex: str, display: bool, cell: int, source: str = "") -> str:
        """Keep a formula and return its word."""
        self.formulas.append(Formula(tex, display, cell, source=source))
        return f"{self.prefix}math{len(self.formulas) - 1}zq"

    def extract(self, text: str, cell: int) -> str:
        """Return the text with a word for each formula."""

        def replace(found: re.Match[str]) -> str:
            if found["skip"] is not None:
                return found[0]
            for kind in ("display", "inline", "round", "square"):
                if found[kind] is not None:
                    tex = re.sub(r"\n[ \t]*>[ \t]?", "\n", found[f"{kind}_tex"])  # a quote around it
                    return self.add(tex, kind in ("display", "square"), cell, found[0])
            display = found["name"].rstrip("*") in SOLITARY
            return self.add(found[0], display, cell, found[0])

        return PIECE.sub(replace, self.hide_data(text))

    def restore(self, text: str, whole: bool = False) -> str:
        """Return the text with the source of its formulas and its data, the latter cut short unless `whole`."""

        def source(found: re.Match[str]) -> str:
            if found[1] == "math":
                return self.formulas[int(found[2])].verbatim
            return self.data[int(found[2])] if whole else shorten_data(self.data[int(found[2])])

        return self.mark.sub(source, text)

    @property
    def mark(self) -> re.Pattern[str]:
        return re.compile(rf"{self.prefix}(math|data)(\d+)zq")


def shorten_data(text: str) -> str:
    """Return a text in which only the beginning of an image's data is left."""
    return DATA.sub(lambda found: found[0].partition(",")[0] + ",…", text)


def choose_prefix(texts: list[str]) -> str:
    """Return a prefix for words that none of the texts holds."""
    prefix = "zq"
    while any(prefix in text for text in texts):
        prefix += "q"
    return prefix


def render(text: str) -> str | None:
    """Return the HTML of Markdown; None where it is nested too deeply."""
    try:
        page = _parser().render(TABLE.sub(_free_table, _disarm(text.translate(PLAIN))))
    except RecursionError:
        return None
    page = FONT.sub(r'<span style="color:\1"', page).replace("</font>", "</span>")
    return close_cells(TASK.sub(lambda found: found[1] + ("☐" if found[2] == " " else "☒"), page))


def strip_hidden(text: str) -> str:
    """Return HTML without the parts that a browser does not show."""
    return COMMENT.sub("", HIDDEN.sub("", text))


def close_cells(text: str) -> str:
    """Return HTML with the ends of its cells and rows, which may be left out and which pandoc needs."""
    result, at = [], 0
    stack: list[str] = []  # open tags
    for tag in TABLE_TAG.finditer(text):
        name, level = tag[2].lower(), LEVELS[tag[2].lower()]
        result.append(text[at : tag.start()])
        at = tag.end()
        nested = name == "table" and not tag[1]
        while stack and not nested and LEVELS[stack[-1]] >= level + bool(tag[1]):
            result.append(f"</{stack.pop()}>")
        if not tag[1]:
            stack.append(name)
            result.append(tag[0])
        elif stack and LEVELS[stack[-1]] == level:
            result.append(f"</{stack.pop()}>")
    return "".join([*result, text[at:]])


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


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin

    parser = MarkdownIt("js-default", {"html": True, "maxNesting": 10_000}).use(footnote_plugin)
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # where links may lead is decided later
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    for name, write in _NOTES.items():
        parser.add_render_rule(name, _as_rule(write))
    parser.core.ruler.push("tags", lambda state: _keep_real_tags(state.tokens))
    return parser


_NOTES: dict[str, Callable[[int], str]] = {
    "footnote_ref": lambda note: f'<a epub:type="noteref" href="#note{note}"></a>',
    "footnote_open": lambda note: f'<aside epub:type="footnote" id="note{note}">',
    "footnote_close": lambda _: "</aside>",
    "footnote_block_open": lambda _: "",
    "footnote_block_close": lambda _: "",
    "footnote_anchor": lambda _: "",
}  # in the form that pandoc reads as notes


def _as_rule(write: Callable[[int], str]) -> Callable[..., str]:
    def rule(_: object, tokens: Sequence[Token], at: int, *__: object) -> str:
        return write(tokens[at].meta.get("id", 0))

    return rule


def _free_table(found: re.Match[str]) -> str:
    """Return a table apart from what stands before it, and with a column for every cell."""
    if found["fence"] or len(_split_row(found["head"])) != (columns := len(_split_row(found["rule"]))):
        return found[0]
    surplus = max((len(_split_row(row)) - columns for row in found["rows"].split("\n")), default=0)
    head, rule = (found[part].rstrip().removesuffix("|") + "|" for part in ("head", "rule"))
    return f"\n{head}{' |' * surplus}\n{rule}{'-|' * surplus}{found['rows']}"


def _split_row(row: str) -> list[str]:
    return PIPE.split(re.sub(r"^\s*\||(?<!\\)\|\s*$", "", row))


def _disarm(text: str) -> str:
    """Keep footnotes only where each is called once before and calls none itself; else make their marks text.

    A note that nothing calls would vanish, and one that leads back to itself never ends.
    """
    notes = NOTE.findall(text)
    calls, defined = [name for name, colon in notes if not colon], [name for name, colon in notes if colon]
    first = next((number for number, (_, colon) in enumerate(notes) if colon), len(notes))
    orderly = set(defined) <= set(calls) and len(set(defined)) == len(defined) and all(c for _, c in notes[first:])
    return text if orderly else text.replace("[^", "\\[^")


def _keep_real_tags(tokens: list[Token]) -> None:
    """Make text of tags that HTML does not know, and drop those that are not closed in their paragraph."""
    for token in tokens:
        if token.type == "html_block":
            token.content = TAG.sub(_escape_unknown, token.content)
        opened: list[Token] = []
        for child in token.children or ():
            tag = TAG.match(child.content) if child.type == "html_inline" else None
            if tag is None or tag[1].lower() in VOID:
                continue
            if tag[1].lower() not in TAGS:
                child.content = html.escape(child.content)
            elif not tag[0].startswith("</"):
                opened.append(child)
            elif opened and any(_name(other) == tag[1].lower() for other in opened):
                while _name(last := opened.pop()) != tag[1].lower():
                    last.content = ""
            else:
                child.content = ""
        for child in opened:
            child.content = "" if ATTRIBUTED.fullmatch(child.content) else html.escape(child.content)


def _name(token: Token) -> str:
    tag = TAG.match(token.content)
    return tag[1].lower() if tag else ""


def _escape_unknown(tag: re.Match[str]) -> str:
    return tag[0] if tag[1].lower() in TAGS else html.escape(tag[0])
