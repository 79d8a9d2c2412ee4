"""Choose the best form of each output of a cell, follow terminal controls in it, and cut it to the limits."""

import json
import re
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Literal

from ..course.schema import Pdf
from ..limits import HTML_CHARACTERS
from . import lines
from . import markup as html
from .lines import inline
from .notebook import Table, find_table, join_text

IMAGES = ("image/png", "image/jpeg", "image/svg+xml", "image/gif", "image/webp", "image/bmp")
INTERACTIVE = {
    "jupyter.widget": "widget", "plotly": "chart of plotly", "bokehjs": "chart of bokeh", "vega": "chart of altair"
}  # fmt: skip  # by how its type begins after `application/vnd.`, whatever the version
WIDGET = "application/vnd.jupyter.widget-view+json"
BAR, HUGE = 10, 1e15  # columns of a progress bar, and a number that is none of its
BLANKS = re.compile(r"\s+")
OBJECT = re.compile(r"\s*<[\w.]+ (?:object|at 0x\w+)(?: at 0x\w+)?>\s*")
INDENT = re.compile(r"\s*\n\s*")
ANCHOR = re.compile(r"<a href='(?:vscode-|file:)[^']*'>(.*?)</a>")  # which VS Code puts around numbers of lines
CONTROL = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b(?!\[[0-?]*[ -/]*[@-~])[ -/]*[0-~]?"
    r"|[\x00-\x07\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]"
)  # all but colours, returns and backspaces


@dataclass
class Shown:
    """One output: text lines of a stream, an image's data, a fragment for pandoc, or a note."""

    kind: Literal["stdout", "stderr", "error", "image", "markdown", "html", "note"]
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)  # of an image: its width and height
    alternative: str = ""
    rows_left_out: int = 0


def select(cell_outputs: list[Table], limits: Pdf, widgets: Table | None = None) -> list[Shown]:
    """Return what is shown of a cell's outputs; a stream that comes in parts is joined first.

    `widgets` are the notebook's.
    """
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
            result.append(_best(data, output.get("metadata"), limits, widgets or {}))
        else:
            result.append(Shown("stdout", join_text(output.get("text", output))))
    return [shown for shown in result if shown.text.strip() or shown.kind == "image"]


def typeset_text(text: str, limits: Pdf) -> tuple[str, str]:
    """Return markup of a stream's lines, and in words how much of it was left out."""
    parts, left_out = cut(follow(text), limits)
    between = f"\n\n#note[{inline(left_out)}]\n\n" if left_out else ""
    return between.join(lines.typeset_lines(lines.decode_escapes(part)) for part in parts), left_out


def follow(text: str) -> str:
    """Return what a terminal would show of a stream after its returns, backspaces and tabs."""
    text = CONTROL.sub("", text.rstrip("\n").replace("\r\n", "\n")).expandtabs(8)
    return "\n".join(map(_overwrite, text.split("\n"))) if "\r" in text or "\b" in text else text


def _overwrite(line: str) -> str:
    if "\x1b" in line:
        return next((part for part in reversed(line.split("\r")) if part), "")
    cells: list[str] = []
    at = 0
    for character in line:
        if character in "\r\b":
            at = max(at - 1, 0) if character == "\b" else 0
        else:
            cells[at : at + 1] = character
            at += 1
    return "".join(cells)


def cut(text: str, limits: Pdf) -> tuple[list[str], str]:
    """Return the first two thirds and the last third that the limits allow, and count the rest in words."""
    rows = text.split("\n")
    if len(rows) <= limits.output_lines and len(text) <= limits.output_characters:
        return [text], ""
    first, most = limits.output_lines * 2 // 3, limits.output_characters
    head = _take(rows, first, most * 2 // 3)
    tail = _take(rows[len(head) :][::-1], limits.output_lines - first, most // 3)[::-1]
    gone = rows[len(head) : len(rows) - len(tail)]
    if not head and not tail:
        words = f"… {len(rows[0]) - most:,} more characters in this line"
        words += f" and {len(rows) - 1:,} more lines" if len(rows) > 1 else ""
        return [rows[0][:most], ""], f"{words}, left out"
    return ["\n".join(head), "\n".join(tail)], f"… {len(gone):,} lines ({sum(map(len, gone)):,} characters) left out"


def _take(rows: list[str], most: int, characters: int) -> list[str]:
    lengths = accumulate(map(len, rows[:most]))
    return rows[: sum(length <= characters for length in lengths)]


def _traceback(output: Table) -> str:
    trace = output.get("traceback")
    text = "\n".join(map(join_text, trace)) if isinstance(trace, list) else join_text(trace)
    return ANCHOR.sub(r"\1", text) or f"{join_text(output.get('ename'))}: {join_text(output.get('evalue'))}"


def _read_widget(widgets: Table, name: object) -> str | None:
    """Return what a widget of words and bars showed last, a box a line; None where it holds more or was not saved."""
    rows: list[list[str]] = [[]]
    waiting, seen = [name], set()
    while waiting:
        key = _read_name(waiting.pop())
        kind, state = str(find_table(widgets, key).get("model_name")), find_table(widgets, key, "state")
        if key in seen or _is_hidden(widgets, state):
            continue
        seen.add(key)
        children = state.get("children")
        if isinstance(children, list):
            rows.append([])
            waiting += reversed(children)
        elif kind in ("HTMLModel", "LabelModel"):
            rows[-1].append(BLANKS.sub(" ", html.strip_tags(join_text(state.get("value")))))
        elif kind.endswith("ProgressModel"):
            rows[-1].append(_draw_bar(state))
        else:
            return None
    return "\n".join("".join(row).strip() for row in rows if row)


def _read_name(reference: object) -> str:
    return str(reference).removeprefix("IPY_MODEL_")


def _is_hidden(widgets: Table, state: Table) -> bool:
    """Return whether a widget has wiped itself out, as a bar that leaves nothing."""
    return find_table(widgets, _read_name(state.get("layout")), "state").get("visibility") == "hidden"


def _draw_bar(state: Table) -> str:
    """Return a progress bar as terminals show it."""
    lowest, highest, value = (
        found if isinstance(found := state.get(name), int | float) and abs(found) < HUGE else default
        for name, default in (("min", 0), ("max", 100), ("value", 0))
    )
    full = sum((value - lowest) * BAR >= (highest - lowest) * column for column in range(1, BAR + 1))
    return f"{join_text(state.get('description'))} |{'█' * full}{' ' * (BAR - full)}|".removeprefix(" ")


def _best(data: Table, metadata: object, limits: Pdf, widgets: Table) -> Shown:
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
            return Shown("image", join_text(data[mime]), size, plain)
    if (saved := _read_widget(widgets, find_table(data, WIDGET).get("model_id"))) is not None:
        return Shown("stdout", saved)
    for start, name in INTERACTIVE.items():
        if any(mime.startswith(f"application/vnd.{start}") for mime in data):
            words = f"An interactive {name} was here; paper cannot show it"
            return Shown("note", f"{words}: {plain}" if plain else f"{words}.", alternative=plain)
    markup = join_text(data.get("text/html"))
    if ("<table" in markup.lower() and len(markup) <= HTML_CHARACTERS) or (markup and not plain):
        return _html(markup, plain, limits)
    if "text/markdown" in data:
        return Shown("markdown", join_text(data["text/markdown"]), alternative=plain)
    if "text/latex" in data:  # in Markdown indented lines would be code, and an empty one would end a formula
        return Shown("markdown", INDENT.sub("\n", join_text(data["text/latex"]).strip()), alternative=plain)
    if plain:
        return Shown("stdout", plain)
    for mime, value in data.items():
        if mime == "application/json":
            return Shown("stdout", json.dumps(value, indent=2, ensure_ascii=False))
        if (mime.startswith("text/") and mime != "text/plain") or mime == "application/javascript":
            return Shown("stdout", join_text(value))
    kinds = ", ".join(mime for mime in data if mime != "text/plain") or join_text(data.get("text/plain")) or "empty"
    return Shown("note", f"An output of a kind that paper cannot show was here ({kinds}).")


def _html(markup: str, plain: str, limits: Pdf) -> Shown:
    page = html.strip_hidden(markup)
    if len(page) > HTML_CHARACTERS:
        return Shown("stdout", html.strip_tags(page))
    page, rows_left_out, only = html.cut_page(page, limits.table_rows)
    if only:
        return Shown("note", only)
    return Shown("html", page, alternative=plain or html.strip_tags(page), rows_left_out=rows_left_out)
