"""Run pandoc once for many fragments, each parsed as a file of its own, so that nothing leaks between them."""

import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import msgspec

from ..errors import ProgramMissing
from ..limits import PANDOC_FRAGMENTS, PANDOC_LEAST_SECONDS, PANDOC_SECONDS
from . import tree

MARKDOWN = (
    "gfm-tex_math_dollars-tex_math_gfm-emoji-alerts-yaml_metadata_block-gfm_auto_identifiers+task_lists+footnotes"
)
HTML = "html-native_divs-native_spans-auto_identifiers"
NOTE = re.compile(r"\[\^([^\]\s]+)\](:?)")
SEPARATOR = "zqseparatorzq"
VERSION = [1, 23, 1]  # of pandoc's syntax tree


@cache
def find_program() -> str:
    """Return the path of pandoc; raise ProgramMissing where it is not installed."""
    try:
        import pypandoc

        return str(pypandoc.get_pandoc_path())
    except (ImportError, OSError):
        raise ProgramMissing("pandoc is missing; install it with: pip install pypandoc_binary") from None


def parse(fragments: list[str], reader: str) -> list[list[tree.Block] | None]:
    """Return the blocks of each fragment; None for one that pandoc cannot read by itself."""
    result: list[list[tree.Block] | None] = []
    if reader == MARKDOWN:
        fragments = [_disarm_odd_notes(fragment) for fragment in fragments]
    for start in range(0, len(fragments), PANDOC_FRAGMENTS):
        result += _parse(fragments[start : start + PANDOC_FRAGMENTS], reader, PANDOC_SECONDS)
    return result


def _disarm_odd_notes(fragment: str) -> str:
    """Keep footnotes only where each is called once before and calls none itself; else make their marks text.

    pandoc drops a note that nothing calls, and never ends with one that leads back to itself.
    """
    notes = NOTE.findall(fragment)
    calls, defined = [name for name, colon in notes if not colon], [name for name, colon in notes if colon]
    first = next((number for number, (_, colon) in enumerate(notes) if colon), len(notes))
    orderly = set(defined) <= set(calls) and len(set(defined)) == len(defined) and all(c for _, c in notes[first:])
    return fragment if orderly else fragment.replace("[^", "\\[^")


def convert_formulas(tex: list[tuple[str, bool]]) -> list[str | None]:
    """Return the typst of each formula, given as TeX and whether it stands alone; None where pandoc cannot read it."""
    if not tex:
        return []
    kinds = {True: tree.Kind("DisplayMath"), False: tree.Kind("InlineMath")}
    blocks = [tree.Para([tree.Math((kinds[display], text))]) for text, display in tex]
    document = msgspec.json.encode({"pandoc-api-version": VERSION, "meta": {}, "blocks": blocks})
    written = _run(["-f", "json", "-t", "typst", "--wrap=preserve"], document.decode())
    parts = written.strip("\n").split("\n\n") if written is not None else []
    if len(parts) != len(tex):
        half = len(tex) // 2
        return [None] if not half else convert_formulas(tex[:half]) + convert_formulas(tex[half:])
    return [part if part.startswith("$") else None for part in parts]


def _parse(fragments: list[str], reader: str, seconds: float) -> list[list[tree.Block] | None]:
    if not fragments:
        return []
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        names = []
        Path(folder, "end").write_text(f"{SEPARATOR}\n", encoding="utf-8")
        for number, fragment in enumerate(fragments):
            Path(folder, str(number)).write_text(fragment, encoding="utf-8", errors="replace", newline="\n")
            names += [str(number), "end"]
        text = _run(["-f", reader, "-t", "json", "--file-scope", *names], "", folder, seconds)
    groups: list[list[tree.Block]] = [[]]
    for block in _decode(text):
        if isinstance(block, tree.Para | tree.Plain) and block.c == [tree.Str(SEPARATOR)]:
            groups.append([])
        else:
            groups[-1].append(block)
    if len(groups) - 1 == len(fragments):
        return [*groups[:-1]]
    half = len(fragments) // 2
    if not half:
        return [None]
    less = max(seconds / 2, PANDOC_LEAST_SECONDS)
    return _parse(fragments[:half], reader, less) + _parse(fragments[half:], reader, less)


def _decode(text: str | None) -> list[tree.Block]:
    try:
        return msgspec.json.decode(text, type=tree.Document).blocks if text is not None else []
    except RecursionError:
        return []


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
