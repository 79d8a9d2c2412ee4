"""How long to wait for whom: within the time of the whole run, and less for what has hung before."""

import contextlib
import math
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from ..course.schema import LimitsTable
from ..errors import OutOfTime, StudentError, StudentTimeout
from ..limits import CONTROL_SECONDS

STRIKES = 2
SHORT_SECONDS = 1.0
REFERENCE_SECONDS = 120.0


@dataclass
class Patience:
    """The clock of one run of checks, started when it is made; `modules` are those the assignment names."""

    limits: LimitsTable
    modules: Collection[str] = ()
    _strikes: Counter = field(default_factory=Counter)
    _started: float = field(default_factory=time.monotonic)
    _reserve: float = 0.0

    def check(self) -> None:
        """Raises OutOfTime when the run's time is over."""
        self.within_run(math.inf)

    def within_run(self, seconds: float) -> float:
        """These seconds, or those the run has left where they are fewer; raises OutOfTime when there are none."""
        left = self.limits.run_seconds + self._reserve - (time.monotonic() - self._started)
        if left <= 0:
            raise OutOfTime
        return min(seconds, left)

    @contextlib.contextmanager
    def with_reserve(self) -> Iterator[None]:
        """Adds the reserve to the run's time for what is done inside, so that no verdict hangs on its end."""
        self._reserve = CONTROL_SECONDS
        try:
            yield
        finally:
            self._reserve = 0.0

    def note(self, error: StudentError) -> None:
        """Counts a timeout against what was called."""
        if isinstance(error, StudentTimeout):
            self._strikes[error.callee] += 1

    def of_call(self, callee: str) -> float:
        """Seconds to wait for a call: fewer once it has hung before, none for a module that has hung at its import."""
        seconds = self.within_run(float(self.limits.call_seconds))
        if self._strikes[callee] < STRIKES:
            return seconds
        return 0.0 if callee in self.modules else min(SHORT_SECONDS, seconds)

    def of_replacement(self, callee: str) -> float:
        """Seconds to wait for the reference where it answers a student's code, whatever of that has hung before."""
        return self.within_run(float(self.limits.call_seconds))

    def of_reference(self, callee: str) -> float:
        """Seconds to wait for the reference."""
        return self.within_run(REFERENCE_SECONDS)
