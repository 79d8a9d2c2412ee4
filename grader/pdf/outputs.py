"""Choose the best form of each output of a cell, follow terminal controls in it, and cut it to the limits."""

import json
import re
from dataclasses import dataclass, field
from typing import Literal

from ..limits import HTML_CHARACTERS
from . import lines
from . import markup as html
from .lines import Segment, inline
from .notebook import Table, join_text

IMAGES = ("image/png", "image/jpeg", "image/svg+xml", "image/gif", "image/webp", "image/bmp")
INTERACTIVE = {
    "application/vnd.jupyter.widget-view+json": "widget",
    "application/vnd.jupyter.widget-state+json": "widget",
    "application/vnd.plotly.v1+json": "chart of plotly",
    "application/vnd.bokehjs_exec.v0+json": "chart of bokeh",
    "application/vnd.vegalite.v5+json": "chart of altair",
}
OBJECT = re.compile(r"\s*<[\w.]+ (?:object|at 0x\w+)(?: at 0x\w+)?>\s*")
FORMULA = re.compile(r"\s*(?:(\$\$?)[^$]*\1|\\begin\{.*\\end\{\w+\*?\})\s*", re.DOTALL)
FRAME = re.compile(r"<(iframe|audio|video|embed|object)\b([^>]*)>", re.IGNORECASE)
SOURCE = re.compile(r"\bsrc\s*=\s*[\"']?((?!data:)[^\"'\s>]+)")
ANCHOR = re.compile(r"<a href='vscode-[^']*'>(.*?)</a>")  # which VS Code puts around numbers of lines
SEQUENCE = re.compile(
    r"\x1b(?:\[([0-9;:?<>=]*)([@-~])|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])"
)
CONTROL = re.compile(r"[\x00-\x07\x0b-\x1a\x1c-\x1f\x7f]")
Lines = list[list[Segment]]


@dataclass(frozen=True)
class Limits:
    """How much of one output is shown."""

    lines: int = 400
    characters: int = 60_000
    rows: int = 100


@dataclass
class Shown:
    """One output: text lines of a stream, an image, a fragment for pandoc, or a note."""

    kind: Literal["stdout", "stderr", "error", "image", "markdown", "html", "latex", "note"]
    text: str = ""
    mime: str = ""
    data: object = None
    attributes: dict[str, str] = field(default_factory=dict)  # of an image: its width and height
    alternative: str = ""


def select(cell_outputs: list[Table], limits: Limits) -> list[Shown]:
    """Return what is shown of a cell's outputs; a stream that comes in parts is joined first."""
    result: list[Shown] = []
    for output in cell_outputs:
        kind, data = output.get("output_type"), output.get("data")
        if kind == "stream":
            name: Literal["stderr", "stdout"] = "stderr" if output.get("name") == "stderr" else "stdout"
            if result and result[-1].kind == name:
                result[-1].text += join_text(output.get("text"))
            else:
                result.append(Shown(name, join_text(output.get("text"))))
        elif kind == "error":
            result.append(Shown("error", _traceback(output)))
        elif isinstance(data, dict):
            result.append(_best(data, output.get("metadata"), limits))
        else:
            result.append(Shown("stdout", join_text(output.get("text", output))))
    return [shown for shown in result if shown.text.strip() or shown.kind == "image"]


def typeset(text: str, limits: Limits) -> tuple[str, str]:
    """Return markup of a stream's lines, and in words how much of it was left out."""
    shown, left_out = cut(render(text.rstrip("\n")), limits)
    head, tail = shown
    if not left_out:
        return lines.typeset(head, 8), ""
    return f"{lines.typeset(head, 8)}\n\n#note[{inline(left_out)}]\n\n{lines.typeset(tail, 8)}", left_out


def cut(text: Lines, limits: Limits) -> tuple[tuple[Lines, Lines], str]:
    """Return the first two thirds and the last third that the limits allow, and count the rest in words."""
    lengths = [sum(len(part) for _, part in line) for line in text]
    if len(text) <= limits.lines and sum(lengths) <= limits.characters:
        return (text, []), ""
    first, last = limits.lines * 2 // 3, limits.lines - limits.lines * 2 // 3
    head = _take(text, lengths, first, limits.characters * 2 // 3)
    rest = min(len(text) - len(head), last)
    tail = _take(text[::-1], lengths[::-1], rest, limits.characters // 3)[::-1] if rest > 0 else []
    gone = len(text) - len(head) - len(tail)
    if (not head and not tail) or gone <= 0:
        part = [_shorten(text[0], limits.characters)]
        words = f"… {lengths[0] - limits.characters:,} more characters in this line"
        words += f" and {len(text) - 1:,} more lines" if len(text) > 1 else ""
        return (part, []), f"{words}, left out"
    missing = sum(lengths) - sum(len(part) for line in head + tail for _, part in line)
    return (head, tail), f"… {gone:,} lines ({missing:,} characters) left out"


def _take(text: Lines, lengths: list[int], most: int, characters: int) -> Lines:
    taken = 0
    while taken < min(most, len(text)) and (characters := characters - lengths[taken]) >= 0:
        taken += 1
    return text[:taken]


def _shorten(line: list[Segment], characters: int) -> list[Segment]:
    result: list[Segment] = []
    for style, part in line:
        result.append((style, part[:characters]))
        characters -= len(part)
        if characters <= 0:
            break
    return result


def _traceback(output: Table) -> str:
    trace = output.get("traceback")
    text = "\n".join(map(join_text, trace)) if isinstance(trace, list) else join_text(trace)
    return ANCHOR.sub(r"\1", text) or f"{join_text(output.get('ename'))}: {join_text(output.get('evalue'))}"


def _best(data: Table, metadata: object, limits: Limits) -> Shown:
    """Return the richest form that paper can show; an empty text for what was wiped out, as a bar that has ended."""
    if all(mime.startswith("text/") and value in ("", [], [""]) for mime, value in data.items()):
        return Shown("stdout")
    plain = join_text(data.get("text/plain"))
    if OBJECT.fullmatch(plain):
        plain = ""  # it says only that there is something
    for mime in IMAGES:
        if mime in data:
            about = metadata.get(mime) if isinstance(metadata, dict) else None
            size = {key: str(value) for key, value in about.items()} if isinstance(about, dict) else {}
            return Shown("image", mime=mime, data=data[mime], attributes=size, alternative=plain)
    for mime, name in INTERACTIVE.items():
        if mime in data:
            words = f"An interactive {name} was here; paper cannot show it"
            return Shown("note", f"{words}: {plain}" if plain else f"{words}.", alternative=plain)
    markup = join_text(data.get("text/html"))
    if ("<table" in markup.lower() and len(markup) <= HTML_CHARACTERS) or (markup and not plain):
        return _html(markup, plain, limits)
    if "text/markdown" in data:
        return Shown("markdown", join_text(data["text/markdown"]), alternative=plain)
    if "text/latex" in data:
        latex = join_text(data["text/latex"])
        return Shown("latex" if FORMULA.fullmatch(latex) else "markdown", latex, alternative=plain)
    if plain:
        return Shown("stdout", plain)
    for mime, value in data.items():
        if mime == "application/json":
            return Shown("stdout", json.dumps(value, indent=2, ensure_ascii=False))
        if (mime.startswith("text/") and mime != "text/plain") or mime == "application/javascript":
            return Shown("stdout", join_text(value))
    kinds = ", ".join(mime for mime in data if mime != "text/plain") or join_text(data.get("text/plain")) or "empty"
    return Shown("note", f"An output of a kind that paper cannot show was here ({kinds}).")


def _html(markup: str, plain: str, limits: Limits) -> Shown:
    markup = html.strip_hidden(markup)
    if len(markup) > HTML_CHARACTERS:
        return Shown("stdout", html.TAG.sub(" ", markup))
    if not html.has_content(markup):
        frame = FRAME.search(markup)
        source = SOURCE.search(frame[2]) if frame else None
        what = (frame[1].lower() if frame else "HTML with a script or no text") + (f" of {source[1]}" if source else "")
        return Shown("note", f"An output that only a browser can show was here ({what}).")
    markup, gone = html.cut_rows(html.close_cells(markup), limits.rows)
    return Shown("html", markup, alternative=plain or html.TAG.sub(" ", markup), mime=f"{gone:,}" if gone else "")


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
