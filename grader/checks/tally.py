"""What the functions of a run have earned so far, and what cannot be scored."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from ..course.manifest import to_fraction
from ..results.outcome import Outcome
from ..results.record import Check

DIGITS = 1e-6  # a smaller error is one of rounding or of a small epsilon, not of the idea


@dataclass
class Tally:
    """Points by function, and those of the checks that were left out, by check."""

    unscored: dict[str, Fraction] = field(default_factory=dict)
    _earned: Counter = field(default_factory=Counter)
    _possible: Counter = field(default_factory=Counter)

    def count(self, check: Check) -> None:
        """Remembers what a finished check earned for each function it judges."""
        for name in check.functions:
            self._earned[name] += to_fraction(check.points if lacks_digits_only(check) else check.score)
            self._possible[name] += to_fraction(check.points) - to_fraction(check.held)

    def judged(self, name: str) -> bool:
        """Whether a check has judged a function so far."""
        return self._possible[name] > 0

    def mostly_right(self, name: str) -> bool:
        """Whether a function has been judged and has earned at least half of what it was judged for so far."""
        return 0 < self._possible[name] <= 2 * self._earned[name]

    def lost_nothing(self, name: str) -> bool:
        """Whether a function has been judged and has earned all of it, but for digits."""
        return 0 < self._possible[name] <= self._earned[name]

    def leave_out(self, check: Check) -> None:
        """Takes a check out of the points, since it cannot be scored without the reference."""
        self.unscored.setdefault(check.id, to_fraction(check.points))
        check.points = check.score = check.held = 0


def lacks_digits_only(check: Check) -> bool:
    """Whether a check failed by an error so small that only digits are missing."""
    return check.outcome is Outcome.FAILED and check.error is not None and check.error < DIGITS
