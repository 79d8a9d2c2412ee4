"""Writes into the documents what commands print for a package in the making, so that they show the real thing.

`python -m tests.harness.shown_output` writes; a test compares. A block of a document is an output's where a comment
above it names it: `<!-- shown: failure -->`. Seconds are made alike.
"""

import contextlib
import io
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI, TerminalTheme

from grader import __main__ as commands
from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.grading import run
from grader.grading.watch import Watcher
from grader.results import terminal
from grader.sandbox.parent.zygote_pool import ZygotePool

ROOT = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "docs/student-guide.md")
PICTURE = "docs/table.svg"
WIDTH = 96
BLOCK = re.compile(r"(<!-- shown: (\w+) -->\n```\n)(.*?)(?=```\n)", re.DOTALL)
SECONDS = re.compile(r"\d+\.\d s\b")
ELSEWHERE = "This machine", "Student code is not isolated"  # remarks about where it runs
# what a student has written so far, by the stub that it replaces
WRITTEN = {
    "affine_forward": "out = x.reshape(len(x), -1) @ w + b",
    "affine_backward": (
        "dx = (dout @ w.T).reshape(x.shape)\n"
        "    dw = x.reshape(len(x), -1).T @ dout\n"
        "    db = dout.sum(axis=0, keepdims=True)"
    ),
    "relu_forward": "out = np.maximum(0, x)",
    "relu_backward": "dx = dout * (x >= 0)",
}
FIXED = "sum(axis=0, keepdims=True)", "sum(axis=0)"
BROKEN = "out = np.maximum(0, x)", "out = np.maximum(0, x"


@contextlib.contextmanager
def course() -> Iterator[Path]:
    """A copy of the course as a student has it, but for the reference, with a package in the making."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        root = Path(folder, "a2")
        nothing = shutil.ignore_patterns("__pycache__", "datasets", "*.npz")
        for name in ("reference", "student", "tests/public"):
            shutil.copytree(ROOT / name, root / name, ignore=nothing)
        shutil.copy(ROOT / manifests.FILENAME, root)
        layers = root / "student/layers.py"
        text = layers.read_text("utf-8")
        for name, body in WRITTEN.items():
            text = text.replace(f'raise NotImplementedError("layers.{name}")', body)
        layers.write_text(text, "utf-8")
        yield root


def outputs() -> dict[str, str]:
    """What each command prints, by the name under which documents show it."""
    with course() as root, contextlib.chdir(root):
        layers = root / "student/layers.py"
        found = {
            "list": printed("check", "--list", "-k", "affine_backward and (db or single)"),
            "missing": printed("check", "-k", "afine_backward"),
            "watch": watched(root, layers),
        }
        told = printed("check", "-k", "affine_backward", "--no-timing")
        found["failure"] = "".join(paragraphs(told, "failed  affine_backward returns the true gradient db")[:1])
        layers.write_text(layers.read_text("utf-8").replace(*BROKEN), "utf-8")
        found["broken"] = "".join(paragraphs(printed("check", "-q", "Q1", "--no-timing"), "")[:1])
        return found


def paragraphs(text: str, start: str) -> list[str]:
    """The paragraphs of a text that begin with some words."""
    return [f"{part.strip()}\n" for part in text.split("\n\n") if part.startswith(start)]


def printed(*words: str) -> str:
    """What a command prints, in lines of WIDTH."""
    shown = io.StringIO()
    old, terminal.WIDTH, sys.argv[1:] = terminal.WIDTH, WIDTH, words
    try:
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown), contextlib.suppress(SystemExit):
            commands.run()
    finally:
        terminal.WIDTH = old
    return tidy(shown.getvalue())


def watched(root: Path, layers: Path) -> str:
    """What watch shows after the save that mends one function."""
    shown = io.StringIO()
    manifest, zygotes = manifests.load_manifest(root / manifests.FILENAME), ZygotePool()
    chosen = Selection(["Q1"], timing=False, functions=["layers.affine_backward", "layers.relu_backward"])
    with contextlib.closing(zygotes):
        watcher = Watcher(manifest, root / "student", chosen, zygotes, Console(file=shown, width=WIDTH))
        watcher.check([])
        shown.seek(0)
        shown.truncate()
        wrong = layers.read_text("utf-8")
        layers.write_text(wrong.replace(*FIXED), "utf-8")
        watcher.check([layers])
        layers.write_text(wrong, "utf-8")
    return tidy(shown.getvalue())


def tidy(text: str) -> str:
    """A text without what differs from run to run, and without blanks at the ends of its lines."""
    text = "\n\n".join(part for part in text.strip("\n").split("\n\n") if not part.startswith(ELSEWHERE))
    return "".join(f"{line.rstrip()}\n" for line in SECONDS.sub("1.2 s", text).splitlines())


def picture(theme: TerminalTheme = MONOKAI, width: int = WIDTH, no_color: bool = False) -> str:
    """What `check -q Q1` prints on a terminal, as a picture."""
    with course() as root:
        manifest, zygotes = manifests.load_manifest(root / manifests.FILENAME), ZygotePool()
        with contextlib.closing(zygotes):
            record = run.grade_package(manifest, root / "student", Selection(["Q1"], timing=False), zygotes=zygotes)
    record.seconds, record.notes = 1.2, [note for note in record.notes if not note.text.startswith(ELSEWHERE)]
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, no_color=no_color)
    terminal.show_record(record, console)
    return console.export_svg(title='make check ARGS="-q Q1"', theme=theme, unique_id="check")


def rewritten(text: str, shown: dict[str, str]) -> str:
    """A document with the outputs in their blocks."""
    return BLOCK.sub(lambda match: match[1] + shown[match[2]], text)


def main() -> None:
    """Writes the documents and the picture."""
    shown = outputs()
    for name in DOCUMENTS:
        (ROOT / name).write_text(rewritten((ROOT / name).read_text("utf-8"), shown), "utf-8")
    (ROOT / PICTURE).write_text(picture(), "utf-8")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
