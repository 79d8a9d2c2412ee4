"""Write text, code and output as typst string literals: nothing in them can be read as markup."""

import re
from itertools import groupby

from rich.ansi import AnsiDecoder
from rich.cells import cell_len
from rich.style import Style
from rich.syntax import Syntax
from rich.text import Text

Segment = tuple[str, str]  # a style and its text
COLUMNS = 100  # of the code font across the text's width; see template.typ
INDENT = 40  # columns at most that the parts of a broken line stand in
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
    parts, at = [], 0
    for word in LONG.finditer(text):
        for cut in range(word.start() + STEP, word.end() - STEP // 2, STEP):
            parts.append(text[at:cut])
            at = cut
    return "#box();".join(f"#{quote(part)};" for part in [*parts, text[at:]] if part)


def highlight(source: str, language: str) -> list[list[Segment]]:
    """Return the source's lines with a style for each segment; leave an unknown language uncoloured."""
    text = Syntax("", language, theme="ansi_light").highlight(source.translate(CONTROLS).expandtabs(4))
    return [_split(line) for line in text.split("\n")]


def decode_escapes(text: str) -> list[list[Segment]]:
    """Return the lines of a stream; a style is empty, a colour (`a1`), bold (`b`) or both."""
    decoder = AnsiDecoder()
    return [_split(decoder.decode_line(line)) if "\x1b" in text else [("", line)] for line in text.split("\n")]


def _split(line: Text) -> list[Segment]:
    segments, at = [], 0
    for span in line.spans:
        inside = line.plain[span.start : span.end]
        style = _name_style(span.style) if isinstance(span.style, Style) and not inside.isspace() else ""
        segments += [("", line.plain[at : span.start]), (style, inside)]
        at = span.end
    segments = [segment for segment in [*segments, ("", line.plain[at:])] if segment[1]]
    return [(style, "".join(text for _, text in group)) for style, group in groupby(segments, lambda one: one[0])]


def _name_style(style: Style) -> str:
    number = style.color.number if style.color else None
    colour = f"a{number % 8}" if number is not None and number < 16 else ""
    return " ".join(filter(None, [colour, "b" if style.bold else "", "c" if style.italic or style.dim else ""]))


def typeset_lines(lines: list[list[Segment]]) -> str:
    """Return typst markup of the lines; long ones are paragraphs of their own, which typst breaks."""
    groups: list[list[str]] = [[]]
    for line in lines:
        text = "".join(part for _, part in line)
        if cell_len(text) > COLUMNS:
            between = "#box();" if LONG.search(text) else ""
            indent = min(len(text) - len(text.lstrip()), INDENT) + 3
            groups += [[f"#long({indent})[{between.join(_set(*segment) for segment in line)}]"], []]
            continue
        if len(groups[-1]) == PARAGRAPH:
            groups.append([])
        groups[-1].append("".join(_set(*segment) for segment in line) or "#none;")
    return "\n\n".join(" \\\n".join(group) for group in groups if group)


def _set(style: str, text: str) -> str:
    markup = inline(text)
    for name in style.split():
        markup = f"#{name}[{markup}];"
    return markup
