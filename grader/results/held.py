"""The sentence on points that are held, the same in every report."""

from collections.abc import Iterable, Sequence

from .record import Check, Record, total


def sentence(record: Record) -> str:
    """How many points are held, for which checks, and what staff does about it; empty where none are."""
    if not record.held:
        return ""
    broken = ", ".join(check.id for check in record.checks if check.held)
    return (
        f"{record.held:g} of {record.max_score:g} points are held, neither given nor lost: the grader made errors in "
        f"{broken}. Staff: read their `detail` in the record, fix the cause, then grade again; that settles them."
    )


def points(checks: Sequence[Check]) -> str:
    """What some checks earned of what they are worth, as `1 / 2` or `1 / 2, 0.5 held`."""
    return f"{_sum(check.score for check in checks)} / {_sum(check.points for check in checks)}{beside(checks)}"


def beside(checks: Iterable[Check]) -> str:
    """What stands after the points of some checks: `, 0.5 held`, or nothing."""
    held = total(check.held for check in checks)
    return f", {held:g} held" if held else ""


def _sum(values: Iterable[float]) -> str:
    return f"{total(values):g}"
