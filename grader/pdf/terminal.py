"""Show a program's output as a terminal would have left it: returns, backspaces and colours applied."""

import re

SEQUENCE = re.compile(
    r"\x1b(?:\[([0-9;:?<>=]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])"
)
CONTROL = re.compile(r"[\x00-\x07\x0b-\x1a\x1c-\x1f\x7f]")
Segment = tuple[str, str]


def render(text: str) -> list[list[Segment]]:
    """Return the lines of a stream; a segment is a style (`` or `a1`, `b`, `a4 b`: colour, bold) and its text."""
    result: list[list[Segment]] = []
    style = ""
    for line in text.replace("\r\n", "\n").split("\n"):
        segments, style = _colour(line, style)
        if "\r" in line or "\b" in line:
            segments = _overwrite(segments)
        result.append([(kind, CONTROL.sub("", part)) for kind, part in segments if part])
    return result


def strip_colours(text: str) -> str:
    """Return the text without colours."""
    return "\n".join("".join(part for _, part in line) for line in render(text))


def _colour(line: str, style: str) -> tuple[list[Segment], str]:
    if "\x1b" not in line:
        return [(style, line)], style
    segments: list[Segment] = []
    position = 0
    for found in SEQUENCE.finditer(line):
        segments.append((style, line[position : found.start()]))
        position = found.end()
        if found[2] == "m":
            style = _apply_codes(style, found[1])
    segments.append((style, line[position:].replace("\x1b", "")))
    return [segment for segment in segments if segment[1]], style


def _apply_codes(style: str, codes: str) -> str:
    colour = next((part for part in style.split() if part != "b"), "")
    bold = "b" in style.split()
    numbers = [int(code) if code.isdigit() else 0 for code in re.split("[;:]", codes)]
    while numbers:
        code = numbers.pop(0)
        if code == 0:
            colour, bold = "", False
        elif code in (1, 22):
            bold = code == 1
        elif 30 <= code <= 37 or 90 <= code <= 97:
            colour = f"a{code % 10}"
        elif code == 39:
            colour = ""
        elif code in (38, 48):  # an extended colour takes its numbers along; only the first eight and their
            kind, *rest = numbers or [0]  # bright sisters are kept
            numbers = rest[1 if kind == 5 else 3 :]
            if code == 38 and kind == 5 and rest:
                colour = f"a{rest[0] % 8}" if rest[0] < 16 else ""
    return " ".join(filter(None, [colour, "b" if bold else ""]))


def _overwrite(segments: list[Segment]) -> list[Segment]:
    """Return one line after its returns and backspaces."""
    cells: list[Segment] = []
    at = 0
    for style, text in segments:
        for character in text:
            if character == "\r":
                at = 0
            elif character == "\b":
                at = max(at - 1, 0)
            else:
                cells[at : at + 1] = [(style, character)]
                at += 1
    merged: list[Segment] = []
    for style, character in cells:
        if merged and merged[-1][0] == style:
            merged[-1] = (style, merged[-1][1] + character)
        else:
            merged.append((style, character))
    return merged
