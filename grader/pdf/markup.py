"""Read Markdown as notebooks' viewers do and return its HTML; formulas and images' data are kept aside."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from .lines import CONTROLS

if TYPE_CHECKING:
    from lxml.html import HtmlElement
    from markdown_it import MarkdownIt

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
FORMULA = re.compile(r"zqmath(\d+)zq")  # the word for a formula
MARK = re.compile(r"zq(math|data)(\d+)zq")  # for a formula or an image's data
DATA = re.compile(r"data:image/[^\s\"'()<>,]*,[^\s\"'()<>]*")
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
HIDDEN = re.compile(r"<(script|style|head|title)\b[^>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
COMMENT = re.compile(r"<!--.*?-->|<![A-Za-z][^>]*>|<\?.*?\?>", re.DOTALL)
UNCLOSED = re.compile(  # which would hide all that follows; on lines of its own, or within a sentence
    r"((?:^[ \t]*|(?=<[^<>]*>[ \t]*\n))<(?:!--|(?:script|style)\b).*)|<(?=!--|(?:script|style)\b)",
    re.DOTALL | re.IGNORECASE | re.MULTILINE,
)
PAGE = re.compile(r"</?(?:html|head|title|body|frameset)\b[^<>]*>", re.IGNORECASE)  # a cell is within one already
FRAME = re.compile(  # but not `<object at 0x7f>`
    r"<(iframe|audio|video|embed|object)\b(?=[^<>]*=|.{,2000}?</\1)(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>"
    r"(?:(?:(?!<\1\b).)*?</\1\s*>)?",
    re.DOTALL | re.IGNORECASE,
)
SOURCE = re.compile(r"\bsrc\s*=\s*[\"']?((?!data:)[^\"'\s>]+)")
VISIBLE = "boolean(.//img|.//hr|.//table|.//input|.//text()[normalize-space() and not(parent::em[@class='frame'])])"
BROWSER_ONLY = "Something that only a browser can show was here ({})."
SVG = re.compile(r"<svg\b.*?</svg\s*>", re.DOTALL | re.IGNORECASE)
TAG = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)(?:\"[^\"]*\"|'[^']*'|[^<>\"'])*>")
TORN = re.compile(rf"<(?=/?[A-Za-z])(?!{TAG.pattern[1:]})")  # begins a tag that does not end
ATTRIBUTED = re.compile(
    r"<\w+(?:\s+[\w:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+)|\s+(?:checked|disabled|hidden|open|controls))*\s*/?>"
)  # not `<b and c>`
UNUSED = {  # words of their own in notebooks
    "area", "base", "command", "dir", "map", "math", "menu", "meter", "object", "output", "param", "time", "track"
}  # fmt: skip


@dataclass
class Formula:
    """One formula: its TeX, whether it stands alone, its cell, how it was typed and, once set, its typst and number."""

    tex: str
    display: bool
    cell: int
    verbatim: str = ""
    typst: str = ""
    tag: str = ""
    empty: bool = False  # it only defines macros


@dataclass
class Aside:
    """The formulas and the images' data of a notebook; in texts that a parser reads, a word stands for each."""

    formulas: list[Formula] = field(default_factory=list)
    data: list[str] = field(default_factory=list)

    def hide_data(self, text: str) -> str:
        """Return the text with a word for each image's data, which may be megabytes; split such words of its own."""

        def replace(found: re.Match[str]) -> str:
            self.data.append(found[0])
            return f"zqdata{len(self.data) - 1}zq"

        return DATA.sub(replace, MARK.sub("zq\u200b\\1\\2zq", text))

    def add(self, tex: str, display: bool, cell: int, verbatim: str) -> str:
        """Keep a formula and return its word."""
        self.formulas.append(Formula(tex, display, cell, verbatim))
        return f"zqmath{len(self.formulas) - 1}zq"

    def extract(self, text: str, cell: int) -> str:
        """Return the text with a word for each formula."""

        def replace(found: re.Match[str]) -> str:
            if found["skip"] is not None:
                return found[0]
            for kind in ("display", "inline", "round", "square"):
                if found[kind] is not None:
                    tex = re.sub(r"\n[ \t]*>[ \t]?", "\n", found[f"{kind}_tex"])  # a quote around it
                    return self.add(tex, kind in ("display", "square"), cell, found[0])
            return self.add(found[0], True, cell, found[0])

        return PIECE.sub(replace, self.hide_data(text))

    def restore(self, text: str, whole: bool = False) -> str:
        """Return the text with the source of its formulas and its data, the latter cut short unless `whole`."""

        def source(found: re.Match[str]) -> str:
            if found[1] == "math":
                return self.formulas[int(found[2])].verbatim
            return self.data[int(found[2])] if whole else shorten_data(self.data[int(found[2])])

        return MARK.sub(source, text)


def shorten_data(text: str) -> str:
    """Return a text in which only the beginning of an image's data is left."""
    return DATA.sub(lambda found: found[0].partition(",")[0] + ",…", text)


def render(text: str) -> str:
    """Return the HTML of Markdown, of code where it is nested too deeply."""
    try:
        page = _parser().render(TABLE.sub(_free_table, _disarm(text.translate(PLAIN))))
    except RecursionError:
        return f"<pre>{html.escape(text)}</pre>"
    page = strip_hidden(TASK.sub(lambda found: found[1] + ("☐" if found[2] == " " else "☒"), page))
    return TAG.sub(lambda tag: _escape_unless_real(page, tag), page)


def strip_hidden(text: str) -> str:
    """Return HTML without the parts that a browser does not show; what is not closed stays, drawings become images.

    A note takes the place of a frame, a video or a sound.
    """
    shown = FRAME.sub(_name_frame, COMMENT.sub("", HIDDEN.sub("", text.translate(PLAIN))))
    shown = TORN.sub("&lt;", UNCLOSED.sub(_show_unclosed, shown))
    return SVG.sub(_embed, PAGE.sub(" ", shown))


def _name_frame(frame: re.Match[str]) -> str:
    source = SOURCE.search(frame[0])
    what = frame[1].lower() + (f" of {source[1]}" if source else "")
    return f'<em class="frame">{html.escape(BROWSER_ONLY.format(what))}</em>'


def _show_unclosed(found: re.Match[str]) -> str:
    return f"<pre>{html.escape(found[1].rstrip())}</pre>" if found[1] else "&lt;"


def strip_tags(text: str) -> str:
    """Return the text of HTML."""
    return html.unescape(TAG.sub(" ", text))


def _embed(drawing: re.Match[str]) -> str:
    data = base64.b64encode(drawing[0].encode("utf-8", "replace")).decode()
    return f'<img src="data:image/svg+xml;base64,{data}">'


def parse(text: str) -> HtmlElement:
    """Return the tree of HTML, in which everything is closed, as browsers read it."""
    from lxml.html import HTMLParser, fragment_fromstring

    return fragment_fromstring(text, "div", parser=HTMLParser(huge_tree=True, encoding="utf-8"))


def cut_page(text: str, most: int) -> tuple[str, int, str]:
    """Return HTML without hidden parts and middle rows, the number of these, and what to say where nothing is left."""
    from lxml.html import tostring

    root = parse(text)
    rows = list(root.iter("tr"))[most * 2 // 3 : most * 2 // 3 - most]
    hidden = root.xpath(".//*[@hidden or contains(translate(@style, ' ', ''), 'display:none')]")
    for element in dict.fromkeys(rows + hidden):
        element.drop_tree()
    shown = str(tostring(root, encoding="unicode", method="xml")) if rows or hidden else text
    only = root.xpath("string(.//em[@class='frame'])") or BROWSER_ONLY.format("HTML with a script or no text")
    return shown, len(rows), "" if root.xpath(VISIBLE) else only


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.footnote import footnote_plugin

    parser = MarkdownIt("js-default", {"html": True, "maxNesting": 10_000}).use(footnote_plugin)
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # where links may lead is decided later
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    parser.add_render_rule("footnote_anchor", lambda *_: "")
    return parser


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
    """Make text of the marks of footnotes where nothing calls one, which would vanish."""
    notes = NOTE.findall(text)
    called = {name for name, colon in notes if not colon}
    return text if all(name in called for name, _ in notes) else text.replace("[^", "\\[^")


def _escape_unless_real(page: str, tag: re.Match[str]) -> str:
    """Return a tag; as text where HTML does not know it, or where it is like `<b and c>` and nothing closes it."""
    from lxml.html import defs

    name = tag[1].lower()
    known = (name in defs.tags or name in ("main", "picture")) and name not in UNUSED
    real = known and (tag[0][1] == "/" or ATTRIBUTED.fullmatch(tag[0]) or f"</{name}" in page)
    return tag[0] if real else html.escape(tag[0])
