"""Choose the best form of each output of a cell, and cut it to the limits."""

import json
from dataclasses import dataclass
from typing import Literal

from ..limits import HTML_CHARACTERS
from . import html, lines, terminal
from .literal import inline
from .notebook import Table, join_text

IMAGES = ("image/png", "image/jpeg", "image/svg+xml", "image/gif", "image/webp", "image/bmp")
WIDGETS = ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json")
Lines = list[list[terminal.Segment]]


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
    width: str = ""
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
    shown, left_out = cut(terminal.render(text.rstrip("\n")), limits)
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


def _shorten(line: list[terminal.Segment], characters: int) -> list[terminal.Segment]:
    result: list[terminal.Segment] = []
    for style, part in line:
        result.append((style, part[:characters]))
        characters -= len(part)
        if characters <= 0:
            break
    return result


def _traceback(output: Table) -> str:
    trace = output.get("traceback")
    text = "\n".join(map(join_text, trace)) if isinstance(trace, list) else join_text(trace)
    return text or f"{join_text(output.get('ename'))}: {join_text(output.get('evalue'))}"


def _best(data: Table, metadata: object, limits: Limits) -> Shown:
    """Return the richest form that paper can show."""
    plain = join_text(data.get("text/plain"))
    for mime in IMAGES:
        if mime in data:
            about = metadata.get(mime) if isinstance(metadata, dict) else None
            width = str(about.get("width", "")) if isinstance(about, dict) else ""
            return Shown("image", mime=mime, data=data[mime], width=width, alternative=plain)
    if any(mime in data for mime in WIDGETS):
        words = "An interactive widget was here; paper cannot show it"
        return Shown("note", f"{words}: {plain}" if plain else f"{words}.", alternative=plain)
    markup = join_text(data.get("text/html"))
    if ("<table" in markup.lower() and len(markup) <= HTML_CHARACTERS) or (markup and not plain):
        return _html(markup, plain, limits)
    if "text/markdown" in data:
        return Shown("markdown", join_text(data["text/markdown"]), alternative=plain)
    if "text/latex" in data:
        return Shown("latex", join_text(data["text/latex"]), alternative=plain)
    if plain:
        return Shown("stdout", plain)
    for mime, value in data.items():
        if mime == "application/json":
            return Shown("stdout", json.dumps(value, indent=2, ensure_ascii=False))
        if mime.startswith("text/"):
            return Shown("stdout", join_text(value))
    return Shown("note", f"An output of a kind that paper cannot show was here ({', '.join(data) or 'empty'}).")


def _html(markup: str, plain: str, limits: Limits) -> Shown:
    markup = html.strip_hidden(markup)
    if len(markup) > HTML_CHARACTERS:
        return Shown("stdout", html.TAG.sub(" ", markup))
    if not html.has_content(markup):
        return Shown("note", "An output that only a browser can show was here (HTML with a script or no text).")
    markup, gone = html.cut_rows(markup, limits.rows)
    return Shown("html", markup, alternative=plain or html.TAG.sub(" ", markup), mime=f"{gone:,}" if gone else "")
