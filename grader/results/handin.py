"""What was found before handing in, and what was made, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..submit.findings import Finding, errors

if TYPE_CHECKING:
    from ..course.manifest import Manifest
    from ..submit.submit import HandIn

STYLES = {"error": "red", "warning": "yellow"}
SHOWN = 5
NOTHING = "Nothing was written. Mend the errors and run this again, or hand in what is there with --anyway."


def show(manifest: Manifest, hand_in: HandIn, console: Console | None = None) -> None:
    """Prints the findings, then the files that were made and what became of them, or that nothing was written."""
    out = console or _console()
    show_findings(hand_in.findings, out)
    if not hand_in.placed:
        out.print(Text(NOTHING, style="bold red"))
        return
    out.print(_files(manifest, hand_in))
    for tried in hand_in.tried:
        out.print(Text(tried.sentence, style="" if tried.fine else "yellow"))
    for name in hand_in.left_out:
        out.print(Text(f"left out: {name}; nothing that is handed in imports it", style="yellow"))
    paper = hand_in.paper
    if paper is not None:
        out.print(Text(f"{manifest.handin.pdf}: {paper.pages} pages, {len(paper.data) / 1e6:.2f} MB"))
        more = len(paper.marks) - SHOWN
        lines = [str(mark) for mark in paper.marks[:SHOWN]] + [f"and {more} more"] * (more > 0)
        for line in lines:
            out.print(Text(f"  shown as typed or shortened: {line}", style="yellow"))


def show_findings(findings: Sequence[Finding], console: Console | None = None) -> None:
    """Prints the table and what it comes to."""
    out = console or _console()
    if findings:
        out.print(table(findings))
    out.print(Text(summary(findings), style="bold"))


def done(manifest: Manifest) -> str:
    """The last line, which students look for."""
    return f"### Done! Please submit {manifest.handin.zip} and {manifest.handin.pdf} to Gradescope. ###"


def table(findings: Sequence[Finding]) -> Table:
    """One row a finding; a file's name stands once."""
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


def summary(findings: Sequence[Finding]) -> str:
    """How many there are of each."""
    if not findings:
        return "Preflight: nothing is missing."
    count = len(errors(findings))
    numbers = [(count, "error"), (len(findings) - count, "warning")]
    words = [f"{number} {name}{'s' * (number != 1)}" for number, name in numbers if number]
    return f"Preflight: {' and '.join(words)}."


def _files(manifest: Manifest, hand_in: HandIn) -> Table:
    rows = Table(box=None, pad_edge=False, header_style="bold")
    rows.add_column(manifest.handin.zip, overflow="fold")
    rows.add_column("Bytes", justify="right")
    for name, size in hand_in.files.items():
        rows.add_row(name, f"{size:,}")
    return rows


def _console() -> Console:
    """A console; to a file or a pipe it writes lines of 120."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)
