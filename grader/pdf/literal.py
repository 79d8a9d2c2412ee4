"""Write text as typst string literals: nothing in it can be read as markup or code."""

import re

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
