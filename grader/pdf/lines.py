"""Write text, code and output as typst string literals: nothing in them can be read as markup."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pygments.lexer import Lexer

Segment = tuple[str, str]  # a style and its text
STYLES = {"ow": "k", "nd": "d", "nf": "f", "fm": "f", "nc": "f", "nb": "i", "bp": "i", "il": "m"}  # for pygments' names
COLUMNS = 100  # of the code font across the text's width; see template.typ
INDENT = 3  # columns that the drawn mark of a continued line takes
PARAGRAPH = 40  # lines set as one paragraph; longer ones cost typst more than their length

CONTROLS = {code: f"[U+{code:04X}]" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\n\t\x85"}
LONGEST, STEP = 50, 12
LONG = re.compile(rf"\S{{{LONGEST},}}")
ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\x85": "\\n", "\u2028": "\\n", "\u2029": "\\n"}
INVISIBLE = {ord(character): None for character in "\u00ad\u200b\u2060\ufeff"}  # they would be copied as boxes
TABLE = {**INVISIBLE, **CONTROLS, **{ord(character): escape for character, escape in ESCAPES.items()}}


def quote(text: str) -> str:
    """Return the literal of a text; show a control character by its number."""
    return '"' + text.translate(TABLE) + '"'


def inline(text: str) -> str:
    """Return a text as markup: literals that nothing after them can extend to a call.

    Empty boxes let long words break.
    """
    if not text:
        return ""
    return "#box();".join(f"#{quote(part)};" for part in _cut_long_words(text))


def highlight(source: str, language: str) -> list[list[Segment]]:
    """Return the source's lines with a class for each segment; leave an unknown language uncoloured."""
    lines: list[list[Segment]] = [[]]
    for kind, text in _find_lexer(language).get_tokens(source):
        style = _choose_style(kind)
        for position, part in enumerate(text.split("\n")):
            if position:
                lines.append([])
            if part:
                merge = lines[-1] and (lines[-1][-1][0] == style or part.isspace())
                if merge:
                    lines[-1][-1] = (lines[-1][-1][0], lines[-1][-1][1] + part)
                else:
                    lines[-1].append((style, part))
    while lines and not lines[-1]:
        lines.pop()
    return lines


def split(text: str) -> list[list[Segment]]:
    """Return lines without colour."""
    return [[("", line)] if line else [] for line in text.split("\n")]


def typeset(lines: list[list[Segment]], tab: int = 4, columns: int = COLUMNS) -> str:
    """Return typst markup of the lines."""
    visual = []
    for line in lines:
        for number, part in enumerate(_wrap(_expand_tabs(line, tab), columns)):
            visual.append(("#cont;" if number else "") + "".join(_set(*segment) for segment in part))
    groups = [visual[start : start + PARAGRAPH] for start in range(0, len(visual), PARAGRAPH)]
    return "\n\n".join(" \\\n".join(line or "#none;" for line in group) for group in groups)


def measure_width(text: str) -> int:
    """Return the columns a text takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_count_columns(character) for character in text)


@cache
def _count_columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" or ord(character) > 0xFFFF else 1


def _set(style: str, text: str) -> str:
    first, *others = style.split() or [""]
    markup = f"#{first}({quote(text)});" if first else f"#{quote(text)};"
    for name in others:
        markup = f"#{name}[{markup}];"
    return markup


def _expand_tabs(line: list[Segment], tab: int) -> list[Segment]:
    if not any("\t" in text for _, text in line):
        return line
    result: list[Segment] = []
    column = 0
    for style, text in line:
        expanded = ""
        for part in text:
            expanded += " " * (tab - (column + len(expanded)) % tab) if part == "\t" else part
        column += len(expanded)
        result.append((style, expanded))
    return result


def _wrap(line: list[Segment], columns: int) -> list[list[Segment]]:
    """Return the visual lines of one line: broken after a space near the margin, else at the margin."""
    text = "".join(part for _, part in line)
    left = measure_width(text)
    if left <= columns:
        return [line]
    cuts: list[int] = []
    start = 0
    while left > columns - (INDENT if start else 0):
        end = _fit(text, start, columns - (INDENT if start else 0))
        space = text.rfind(" ", start + (end - start) * 2 // 3, end)
        if space >= 0 and not text[start : space + 1].isspace():
            end = space + 1
        cuts.append(end)
        left -= measure_width(text[start:end])
        start = end
    return _cut(line, cuts)


def _fit(text: str, start: int, columns: int) -> int:
    end = start
    while end < len(text) and columns >= 0:
        columns -= _count_columns(text[end]) if not text[end].isascii() else 1
        end += 1
    return max(end - 1 if columns < 0 else end, start + 1)


def _cut(line: list[Segment], cuts: list[int]) -> list[list[Segment]]:
    result: list[list[Segment]] = [[]]
    position, pending = 0, list(cuts)
    for style, text in line:
        while pending and pending[0] < position + len(text):
            at = pending.pop(0) - position
            if text[:at]:
                result[-1].append((style, text[:at]))
            result.append([])
            text, position = text[at:], position + at
        result[-1].append((style, text))
        position += len(text)
    return result


@cache
def _find_lexer(language: str) -> Lexer:
    from pygments.lexers import get_lexer_by_name
    from pygments.lexers.special import TextLexer
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, stripall=False, ensurenl=True)
    except (ClassNotFound, ValueError):
        return TextLexer(stripnl=False, ensurenl=True)


@cache
def _choose_style(kind: tuple[str, ...]) -> str:
    from pygments.token import STANDARD_TYPES

    short = next((STANDARD_TYPES[kind[:n]] for n in range(len(kind), 0, -1) if kind[:n] in STANDARD_TYPES), "")
    return STYLES.get(short, short[:1] if short[:1] in "csmk" else "")


def _cut_long_words(text: str) -> list[str]:
    """Return the text cut within words of more than LONGEST characters."""
    parts: list[str] = []
    at = 0
    for word in LONG.finditer(text):
        cuts = range(word.start() + STEP, word.end() - STEP // 2, STEP)
        for cut in cuts:
            parts.append(text[at:cut])
            at = cut
    return [*parts, text[at:]]
