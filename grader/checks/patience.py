"""How long to wait for whom: within the time of the whole run, and less for what has hung before."""

import math
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from ..sandbox.errors import StudentError, StudentTimeout
from ..tables import LimitsTable

STRIKES = 2
SHORT_SECONDS = 1.0


class OutOfTime(Exception):
    """The run's own time is used up; checks that come now are not run."""


@dataclass
class Patience:
    """The clock of one run of checks on `package`, started when it is made."""

    limits: LimitsTable
    package: Path
    _strikes: Counter = field(default_factory=Counter)
    _started: float = field(default_factory=time.monotonic)

    def check(self) -> None:
        """Raises OutOfTime when the run's time is over."""
        self.within_run(math.inf)

    def within_run(self, seconds: float) -> float:
        """These seconds, or those the run has left where they are fewer; raises OutOfTime when there are none."""
        left = self.limits.run_seconds - (time.monotonic() - self._started)
        if left <= 0:
            raise OutOfTime
        return min(seconds, left)

    def note(self, error: StudentError) -> None:
        """Counts a timeout against what was called."""
        if isinstance(error, StudentTimeout):
            self._strikes[error.callee] += 1

    def of_call(self, callee: str) -> float:
        """Seconds to wait for a call: fewer once it has hung before, none for a module that has hung at its import."""
        seconds = self.within_run(float(self.limits.call_seconds))
        if self._strikes[callee] < STRIKES:
            return seconds
        is_module = self.package.joinpath(*callee.split(".")).with_suffix(".py").is_file()
        return 0.0 if is_module else min(SHORT_SECONDS, seconds)
