"""Describe what was found before submitting and what was made, for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..files import list_lines, list_some
from ..results.summary import count_noun
from ..results.terminal import make_console

if TYPE_CHECKING:
    from ..course.manifest import Manifest
    from ..pdf.convert import Result

STYLES = {"error": "red", "warning": "yellow"}
MOST_NAMES = 4  # in one sentence
MOST_DEGRADATIONS = 5  # of the PDF
NOTHING = "Nothing was written. Fix the errors and run this again, or hand in what is there with --anyway."


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sentence about one file: what is missing there, and what to do."""

    level: Literal["error", "warning"]
    file: str
    message: str
    line: int = 0  # where there is one to look at


@dataclass
class SubmitResult:
    """The findings and, where they allow it, the files with their sizes, and the PDF.

    `trials`, sentences on budgets, are shown but not packed, since the same work makes the same bytes.
    """

    findings: list[Finding]
    files: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    trials: list[str] = field(default_factory=list)
    paper: Result | None = None
    placed: bool = False


def error(file: str, message: str, line: int = 0) -> Finding:
    """Return a finding that costs points for certain, or that nobody could grade."""
    return Finding("error", file, message, line)


def warning(file: str, message: str) -> Finding:
    """Return a finding that may well be as the student wants it."""
    return Finding("warning", file, message)


def name_places(judge: Callable[[str, str], Finding], file: str, sentence: str, places: Sequence[str]) -> list[Finding]:
    """Return the finding whose sentence names some places; none where there are none."""
    return [judge(file, sentence.format(join_names(places)))] if places else []


def select_errors(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that keep a submission back."""
    return [finding for finding in findings if finding.level == "error"]


def join_names(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """Return names as they stand in a sentence: `a`, `a and b`, `a, b and 3 more`."""
    return list_some(names, most, last=" and ")


def show_submission(manifest: Manifest, made: SubmitResult) -> None:
    """Print the findings, then the files that were made, or that nothing was written."""
    out = make_console()
    show_findings(made.findings, out)
    if not made.placed:
        out.print(Text(NOTHING, style="bold red"))
        return
    out.print(_list_files(manifest, made))
    for line in [*made.trials, *(f"left out: {name}" for name in made.left_out)]:
        out.print(Text(line))
    paper = made.paper
    if paper is not None:
        out.print(Text(f"{manifest.submit.pdf}: {paper.pages} pages, {len(paper.data) / 1e6:.2f} MB"))
        for line in list_lines([*map(str, paper.degradations)], MOST_DEGRADATIONS):
            out.print(Text(f"  shown as typed or shortened: {line}", style="yellow"))


def show_findings(findings: Sequence[Finding], console: Console | None = None) -> None:
    """Print the table of findings and how many there are."""
    out = console or make_console()
    if findings:
        out.print(_list_findings(findings))
    out.print(Text(summarize(findings), style="bold"))


def say_done(manifest: Manifest) -> str:
    """Return the last line, which students look for."""
    files = [manifest.submit.zip, *([manifest.submit.pdf] if manifest.collected_notebooks() else [])]
    return f"### Done! Please submit {' and '.join(files)} to Gradescope. ###"


def summarize(findings: Sequence[Finding]) -> str:
    """Return one line with the number of errors and warnings."""
    if not findings:
        return "Preflight: nothing is missing."
    count = len(select_errors(findings))
    numbers = [(count, "error"), (len(findings) - count, "warning")]
    words = [count_noun(number, name) for number, name in numbers if number]
    return f"Preflight: {' and '.join(words)}."


def _list_findings(findings: Sequence[Finding]) -> Table:
    """Return a table with one row a finding; a file's name stands only once."""
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column("File", overflow="fold", max_width=42)
    rows.add_column("")
    rows.add_column("What and what to do", overflow="fold")
    before = ""
    for finding in findings:
        level = Text(finding.level, STYLES[finding.level])
        rows.add_row("" if finding.file == before else finding.file, level, Text(finding.message))
        before = finding.file
    return rows


def _list_files(manifest: Manifest, made: SubmitResult) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column(manifest.submit.zip, overflow="fold")
    rows.add_column("Bytes", justify="right")
    for name, size in made.files.items():
        rows.add_row(name, f"{size:,}")
    return rows
