"""pandoc in one process for many fragments, each parsed as a file of its own, so that nothing leaks between them."""

import json
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from .errors import ProgramMissing

MARKDOWN = (
    "gfm-tex_math_dollars-tex_math_gfm-emoji-alerts-yaml_metadata_block-gfm_auto_identifiers+task_lists+footnotes"
)
HTML = "html-native_divs-native_spans-auto_identifiers"
SECONDS, LEAST = 30, 5  # for one process, and for one that looks for the fragment that hangs
NOTE = re.compile(r"\[\^([^\]\s]+)\](:?)")
SEPARATOR = "zqseparatorzq"
AT_ONCE = 400  # fragments in one process: their names must fit into its command line
VERSION = [1, 23, 1]


@cache
def program() -> str:
    """Where pandoc is; raises ProgramMissing."""
    try:
        import pypandoc

        return pypandoc.get_pandoc_path()
    except (ImportError, OSError):
        raise ProgramMissing("pandoc is missing; install it with: pip install pypandoc_binary") from None


def parse(fragments: list[str], reader: str) -> list[list[dict] | None]:
    """The blocks of each fragment; None for one that pandoc cannot read by itself."""
    result: list[list[dict] | None] = []
    if reader == MARKDOWN:
        fragments = [_without_odd_notes(fragment) for fragment in fragments]
    for start in range(0, len(fragments), AT_ONCE):
        result += _parse(fragments[start : start + AT_ONCE], reader, SECONDS)
    return result


def _without_odd_notes(fragment: str) -> str:
    """Footnotes only where each is called once before and calls none itself; else their marks are text.

    pandoc would drop a note that nothing calls, and be busy for ever with one that leads back to itself."""
    notes = NOTE.findall(fragment)
    calls, defined = [name for name, colon in notes if not colon], [name for name, colon in notes if colon]
    first = next((number for number, (_, colon) in enumerate(notes) if colon), len(notes))
    orderly = set(defined) <= set(calls) and len(set(defined)) == len(defined) and all(c for _, c in notes[first:])
    return fragment if orderly else fragment.replace("[^", "\\[^")


def formulas(tex: list[tuple[str, bool]]) -> list[str | None]:
    """The typst of each formula, given as TeX and whether it stands alone; None for what pandoc cannot read."""
    if not tex:
        return []
    kinds = {True: {"t": "DisplayMath"}, False: {"t": "InlineMath"}}
    blocks = [{"t": "Para", "c": [{"t": "Math", "c": [kinds[display], text]}]} for text, display in tex]
    document = {"pandoc-api-version": VERSION, "meta": {}, "blocks": blocks}
    text = _run(["-f", "json", "-t", "typst", "--wrap=preserve"], json.dumps(document))
    parts = text.strip("\n").split("\n\n") if text is not None else []
    if len(parts) != len(tex):
        half = len(tex) // 2
        return [None] if not half else formulas(tex[:half]) + formulas(tex[half:])
    return [part if part.startswith("$") else None for part in parts]


def _parse(fragments: list[str], reader: str, seconds: float) -> list[list[dict] | None]:
    if not fragments:
        return []
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        names = []
        Path(folder, "end").write_text(f"{SEPARATOR}\n", encoding="utf-8")
        for number, fragment in enumerate(fragments):
            Path(folder, str(number)).write_text(fragment, encoding="utf-8", errors="replace", newline="\n")
            names += [str(number), "end"]
        text = _run(["-f", reader, "-t", "json", "--file-scope", *names], "", folder, seconds)
    groups: list[list[dict]] = [[]]
    for block in _tree(text):
        if block["t"] in ("Para", "Plain") and block["c"] == [{"t": "Str", "c": SEPARATOR}]:
            groups.append([])
        else:
            groups[-1].append(block)
    if len(groups) - 1 == len(fragments):
        return groups[:-1]
    half = len(fragments) // 2
    if not half:
        return [None]
    less = max(seconds / 2, LEAST)
    return _parse(fragments[:half], reader, less) + _parse(fragments[half:], reader, less)


def _tree(text: str | None) -> list[dict]:
    try:
        return json.loads(text)["blocks"] if text is not None else []
    except RecursionError:
        return []


def _run(arguments: list[str], text: str, folder: str | None = None, seconds: float = SECONDS) -> str | None:
    try:
        done = subprocess.run(
            [program(), "--sandbox", "--quiet", *arguments],
            input=text,
            cwd=folder,
            encoding="utf-8",
            capture_output=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None
