"""Have pandoc read HTML, write typst and convert formulas; each for many pieces in one process."""

import json
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import ProgramMissing
from ..limits import PANDOC_FRAGMENTS, PANDOC_LEAST_SECONDS, PANDOC_SECONDS
from .typesetting import Tree

Node = dict[str, Any]  # `t` names the kind of a node, `c` is its content
HTML = "html+epub_html_exts-auto_identifiers"
SEPARATOR = "zqseparatorzq"
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
    """Return the blocks of each piece of HTML, read as a file of its own; None for one that pandoc cannot read."""
    fragments = list(dict.fromkeys(fragments))
    trees: list[Tree | None] = []
    for start in range(0, len(fragments), PANDOC_FRAGMENTS):
        trees += _read(fragments[start : start + PANDOC_FRAGMENTS], PANDOC_SECONDS)
    return dict(zip(fragments, trees))


def write(trees: list[Tree]) -> list[str | None]:
    """Return the typst of each tree; None for one that pandoc cannot write."""
    if not trees:
        return []
    blocks = [block for tree in trees for block in (*tree, raw_block(END))]
    written = _run_on_tree(blocks, "--wrap=none")
    parts = written.split(END) if written is not None else []
    if len(parts) == len(trees) + 1:
        return [CENTERED.sub(r"\1[#table(", part).strip("\n") for part in parts[:-1]]
    half = len(trees) // 2
    return write(trees[:half]) + write(trees[half:]) if half else [None]


def convert_formulas(tex: list[tuple[str, bool]]) -> list[str | None]:
    """Return the typst of each formula, given as TeX and whether it stands alone; None where pandoc cannot read it."""
    if not tex:
        return []
    kinds = {True: {"t": "DisplayMath"}, False: {"t": "InlineMath"}}
    blocks = [{"t": "Para", "c": [{"t": "Math", "c": [kinds[display], text]}]} for text, display in tex]
    written = _run_on_tree(blocks, "--wrap=preserve")
    parts = written.strip("\n").split("\n\n") if written is not None else []
    if len(parts) != len(tex):
        half = len(tex) // 2
        return [None] if not half else convert_formulas(tex[:half]) + convert_formulas(tex[half:])
    return [part if part.startswith("$") else None for part in parts]


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


def _read(fragments: list[str], seconds: float) -> list[Tree | None]:
    if not fragments:
        return []
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        names = []
        Path(folder, "end").write_text(f"<p>{SEPARATOR}</p>\n", encoding="utf-8")
        for number, fragment in enumerate(fragments):
            Path(folder, str(number)).write_text(fragment, encoding="utf-8", errors="replace", newline="\n")
            names += [str(number), "end"]
        text = _run(["-f", HTML, "-t", "json", "--file-scope", *names], "", folder, seconds)
    groups: list[Tree] = [[]]
    for block in _decode(text):
        if block["t"] in ("Para", "Plain") and block["c"] == [{"t": "Str", "c": SEPARATOR}]:
            groups.append([])
        else:
            groups[-1].append(block)
    if len(groups) - 1 == len(fragments):
        return [*groups[:-1]]
    half = len(fragments) // 2
    if not half:
        return [None]
    less = max(seconds / 2, PANDOC_LEAST_SECONDS)
    return _read(fragments[:half], less) + _read(fragments[half:], less)


def _decode(text: str | None) -> Tree:
    try:
        blocks: Tree = json.loads(text)["blocks"] if text is not None else []
        return blocks
    except RecursionError:
        return []


def _run_on_tree(blocks: Tree, wrap: str) -> str | None:
    document = {"pandoc-api-version": VERSION, "meta": {}, "blocks": blocks}
    try:
        text = json.dumps(document, ensure_ascii=False)
    except RecursionError:
        return None
    return _run(["-f", "json", "-t", "typst", wrap], text)


def _run(arguments: list[str], text: str, folder: str | None = None, seconds: float = PANDOC_SECONDS) -> str | None:
    try:
        done = subprocess.run(
            [find_program(), "--sandbox", "--quiet", *arguments],
            input=text,
            cwd=folder,
            encoding="utf-8",
            capture_output=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
