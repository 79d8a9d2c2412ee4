"""What is wrong with a hand-in before it is one: errors keep it back, warnings are only told."""

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

SHOWN = 4


class Finding(msgspec.Struct, frozen=True):
    """One sentence about one file: what is missing there, and what to do."""

    level: Literal["error", "warning"]
    file: str
    message: str


def error(file: str, message: str) -> Finding:
    """Something that costs points for certain, or that nobody could grade."""
    return Finding("error", file, message)


def warning(file: str, message: str) -> Finding:
    """Something that may well be as the student wants it."""
    return Finding("warning", file, message)


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those that keep a hand-in back."""
    return [finding for finding in findings if finding.level == "error"]


def listed(names: Sequence[object], most: int = SHOWN) -> str:
    """Names in a sentence: `a`, `a and b`, `a, b and 3 more`."""
    shown = [str(name) for name in names[:most]]
    shown += [f"{len(names) - most} more"] if len(names) > most else []
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1] if shown else ""]))
