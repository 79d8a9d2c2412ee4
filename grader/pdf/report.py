"""Describe a PDF that was made, for the terminal."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from .convert import Result
from .fonts import REMEDY

MOST = 40  # degradations listed one by one


def show(result: Result, out: Path, console: Console | None = None) -> None:
    """Print the degradations, the losses, and the file with its size."""
    console = console or Console(highlight=False, soft_wrap=True)
    for degradation in result.degradations[:MOST]:
        console.print(Text.assemble(("note ", "yellow"), str(degradation)))
    if len(result.degradations) > MOST:
        console.print(f"and {len(result.degradations) - MOST} more notes")
    if result.missing:
        console.print(f"characters without a font stand as [U+XXXX]; to see them: {REMEDY}", markup=False)
    for problem in result.problems:
        console.print(Text.assemble(("lost ", "red"), problem))
    size = f"{result.pages} pages, {len(result.data) / 1e6:.1f} MB"
    console.print(
        f"written: {out} ({size}{'; reopened and checked' if result.checked and not result.problems else ''})",
        markup=False,
    )
