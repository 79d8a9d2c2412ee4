"""What the functions of a run have earned so far, and what cannot be scored."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from ..manifest import exact
from ..record import Check


@dataclass
class Tally:
    """Points by function, and those of the checks that were left out, by check."""

    unscored: dict[str, Fraction] = field(default_factory=dict)
    _earned: Counter = field(default_factory=Counter)
    _possible: Counter = field(default_factory=Counter)

    def count(self, check: Check) -> None:
        """Remembers what a finished check earned for each function it judges."""
        for name in check.function.split(", "):
            self._earned[name] += exact(check.score)
            self._possible[name] += exact(check.points)

    def mostly_right(self, name: str) -> bool:
        """Whether a function has earned at least half of what it was judged for so far."""
        return 2 * self._earned[name] >= self._possible[name]

    def leave_out(self, check: Check) -> None:
        """Takes a check out of the points, since it cannot be scored without the reference."""
        self.unscored.setdefault(check.id, exact(check.points))
        check.points = check.score = 0
