"""Have pandoc read HTML, write typst and convert formulas; each for many pieces in one process."""

import json
import re
import subprocess
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from ..errors import ProgramMissing
from ..limits import PANDOC_LEAST_SECONDS, PANDOC_SECONDS
from .markup import tidy
from .typesetting import Tree

Piece = TypeVar("Piece")
Result = TypeVar("Result")
Node = dict[str, Any]  # `t` names the kind of a node, `c` is its content
HTML = "html-auto_identifiers"
MATH = "markdown_strict+latex_macros+raw_tex+tex_math_double_backslash"
CENTERED = re.compile(r"^( *)align\(center\)\[#table\($", re.MULTILINE)  # a literal never begins a line
END = "// the end of a block"  # a line of its own, which no string literal can hold
VERSION = [1, 23, 1]  # of pandoc's syntax tree


@cache
def find_program() -> str:
    """Return the path of pandoc. Raise ProgramMissing where it is not installed."""
    try:
        import pypandoc

        return str(pypandoc.get_pandoc_path())
    except (ImportError, OSError):
        raise ProgramMissing("pandoc is missing; install it with: pip install pypandoc_binary") from None


def read(fragments: list[str]) -> dict[str, Tree | None]:
    """Return the blocks of each piece of HTML; None for one that pandoc cannot read."""
    fragments = list(dict.fromkeys(fragments))
    trees = _divide(_read, fragments)
    return dict(zip(fragments, trees))


def write(trees: list[Tree]) -> list[str | None]:
    """Return the typst of each tree; None for one that pandoc cannot write."""
    return _divide(_write, trees)


def convert_formulas(paragraphs: list[tuple[list[str], str]]) -> list[str | None]:
    """Return the typst of each formula; None where pandoc cannot read it.

    A formula is Markdown that begins with two backslashes and a bracket; the macros that stand before it hold for all
    that follow.
    """

    def run(numbers: list[int], seconds: float) -> list[str]:
        parts: list[str] = []
        for number in range(numbers[-1] + 1):
            definitions, formula = paragraphs[number]
            parts += [*definitions, formula] if number >= numbers[0] else definitions
        text = _run(["-f", MATH, "-t", "typst", "--wrap=preserve"], "\n\n".join(parts), seconds)
        return (text or "").strip("\n").split("\n\n")

    found = _divide(run, list(range(len(paragraphs))))
    return [part if part and part.startswith("$") else None for part in found]


def _divide(
    run: Callable[[list[Piece], float], list[Result]], pieces: list[Piece], seconds: float = PANDOC_SECONDS
) -> list[Result | None]:
    """Return a result for each piece: of one run, or where that fails, of one run for each half of them."""
    results = run(pieces, seconds) if pieces else []
    if len(results) == len(pieces):
        return [*results]
    half, less = len(pieces) // 2, max(seconds / 2, PANDOC_LEAST_SECONDS)
    return _divide(run, pieces[:half], less) + _divide(run, pieces[half:], less) if half else [None]


def _read(fragments: list[str], seconds: float) -> list[Tree]:
    page = "\n".join(f"<div>{tidy(fragment)}</div>" for fragment in fragments)
    text = _run(["-f", HTML, "-t", "json"], page, seconds)
    try:
        blocks = json.loads(text)["blocks"] if text is not None else []
    except RecursionError:
        return []
    whole = all(block["t"] == "Div" for block in blocks)  # a cell of no table, for one, would stand outside
    return [block["c"][1] for block in blocks] if whole else []


def _write(trees: list[Tree], seconds: float) -> list[str]:
    blocks = [block for tree in trees for block in (*tree, raw_block(END))]
    try:
        text = json.dumps({"pandoc-api-version": VERSION, "meta": {}, "blocks": blocks}, ensure_ascii=False)
    except RecursionError:
        return []
    written = _run(["-f", "json", "-t", "typst", "--wrap=none"], text, seconds) or ""
    return [CENTERED.sub(r"\1[#table(", part).strip("\n") for part in written.split(END)[:-1]]


def read_text(part: object) -> str:
    """Return the text of a part of the tree, as a reader would see it; it may be nested however deeply."""
    words, waiting = [], [part]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += reversed(part)
        elif isinstance(part, dict):
            kind, content = part.get("t"), part.get("c")
            if kind in ("Space", "SoftBreak", "LineBreak"):
                words.append(" ")
            elif kind == "Str":
                words.append(str(content))
            elif kind in ("Code", "Math", "RawInline", "CodeBlock", "RawBlock") and isinstance(content, list):
                words.append(str(content[1]))
            else:
                waiting.append(content)
    return "".join(words)


def raw(markup: str) -> Node:
    """Return typst as an inline of the tree."""
    return {"t": "RawInline", "c": ["typst", markup]}


def raw_block(markup: str) -> Node:
    """Return typst as a block of the tree."""
    return {"t": "RawBlock", "c": ["typst", markup]}


def _run(arguments: list[str], text: str, seconds: float) -> str | None:
    try:
        done = subprocess.run(
            [find_program(), "--sandbox", "--quiet", *arguments],
            input=text,
            encoding="utf-8",
            capture_output=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
