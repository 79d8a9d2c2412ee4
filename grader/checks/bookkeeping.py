"""Keep what one run remembers: its time, what functions have earned, which are known to be bad, what was judged."""

import contextlib
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..course.manifest import to_fraction
from ..course.schema import LimitsTable
from ..course.source import find_stubs, is_unwritten
from ..errors import OutOfTime, StackFrame, WorkerError, WorkerTimeout
from ..limits import CONTROL_SECONDS, CPU_LOOK_SECONDS, REFERENCE_SECONDS, SHORTEST_SECONDS, STRIKES
from ..results.record import CheckResult, Outcome
from ..sandbox.parent.proxy import Proxy

CORES = os.cpu_count() or 1
ITERATORS = {f"<{kind}>" for kind in ("generator", "map", "zip", "filter", "dict_values")}
DIGITS = 1e-6  # a smaller error is one of rounding or of a small epsilon, not of the idea


@dataclass
class Timeouts:
    """The clocks of one run, and how long to wait for whom: less for what has hung before.

    `modules` are those the assignment names. It starts when it is made, unless a start is given. The run's CPU time so
    far is what `_spent` returns.
    """

    limits: LimitsTable
    modules: Collection[str] = ()
    _strikes: Counter[str] = field(default_factory=Counter)
    _reached: dict[str, list[StackFrame]] = field(default_factory=dict)
    _started: float = field(default_factory=time.monotonic)
    _reserve: float = 0.0
    _spent: Callable[[], float] = lambda: 0.0
    _look_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._look_at = self._started + self.limits.run_seconds / CORES

    def require_time(self) -> None:
        """Raise OutOfTime when the run's time is over."""
        self.within_run(math.inf)

    def within_run(self, seconds: float) -> float:
        """Return these seconds, or those the run has left where they are fewer. Raise OutOfTime when it has none.

        Its CPU time is looked at only once all cores together can have used it up.
        """
        now = time.monotonic()
        left = self.limits.wall_seconds + self._reserve - (now - self._started)
        if left <= 0:
            raise OutOfTime
        if now >= self._look_at:
            unused = self.limits.run_seconds - self._spent()
            if unused + self._reserve <= 0:
                raise OutOfTime
            self._look_at = now + max(unused / CORES, CPU_LOOK_SECONDS)
        return min(seconds, left)

    @contextlib.contextmanager
    def with_reserve(self) -> Iterator[None]:
        """Add the reserve to the run's time for what is done inside, so that no verdict hangs on its end."""
        self._reserve = CONTROL_SECONDS
        try:
            yield
        finally:
            self._reserve = 0.0

    def count_timeout(self, error: WorkerError, is_secret: bool = False) -> None:
        """Count a timeout against what was called.

        The lines that it had reached the first time stand for later ones in the same function, and where it tells none:
        so a report tells them once. Lines of secret inputs are not kept, since a worker could tell others by them.
        """
        if isinstance(error, WorkerTimeout):
            self._strikes[error.callee] += 1
            first = error.frames if is_secret else self._reached.setdefault(error.callee, error.frames)
            if first and (not error.frames or error.frames[-1].function == first[-1].function):
                error.frames = first

    def for_call(self, callee: str) -> float:
        """Return the seconds to wait for a call: half as many each time it has hung, and for a module none at last."""
        seconds, strikes = float(self.limits.call_seconds), self._strikes[callee]
        if callee in self.modules:
            seconds *= strikes < STRIKES
        elif strikes:
            seconds = min(seconds, max(seconds / 2**strikes, SHORTEST_SECONDS))
        return self.within_run(seconds)

    def for_replacement(self, callee: str) -> float:
        """Return the seconds to wait for the reference where it answers a student's code, whatever hung before."""
        return self.within_run(float(self.limits.call_seconds))

    def for_reference(self, callee: str) -> float:
        """Return the seconds to wait for the reference."""
        return self.within_run(REFERENCE_SECONDS)


@dataclass
class FunctionScores:
    """Points by function, and those of the checks that were left out, by check."""

    unscored: dict[str, Fraction] = field(default_factory=dict)
    _earned: dict[str, Fraction] = field(default_factory=dict)
    _possible: dict[str, Fraction] = field(default_factory=dict)

    def add(self, check: CheckResult) -> None:
        """Remember what a finished check earned for each function it judges."""
        lacks_digits_only = check.outcome is Outcome.FAILED and check.error is not None and check.error < DIGITS
        earned = to_fraction(check.points if lacks_digits_only else check.score)
        possible = to_fraction(check.points) - to_fraction(check.held)
        for name in check.functions:
            self._earned[name] = self._earned.get(name, Fraction(0)) + earned
            self._possible[name] = self._possible.get(name, Fraction(0)) + possible

    def is_judged(self, name: str) -> bool:
        """Return whether a check has judged a function so far."""
        return self._possible.get(name, 0) > 0

    def is_mostly_right(self, name: str) -> bool:
        """Return whether a function was judged and has earned at least half of what it was judged for so far."""
        return 0 < self._possible.get(name, 0) <= 2 * self._earned.get(name, 0)

    def is_right(self, name: str) -> bool:
        """Return whether a function was judged and has earned all of it, but for digits."""
        return 0 < self._possible.get(name, 0) <= self._earned.get(name, 0)

    def leave_out(self, check: CheckResult) -> None:
        """Take a check out of the points, since it cannot be scored without the reference."""
        self.unscored.setdefault(check.id, to_fraction(check.points))
        check.points = check.score = check.held = 0


@dataclass
class KnownFaults:
    """Facts about the package: which functions are stubs, and which raised or hung in their own checks.

    `functions` are the assignment's. Calls of `stubs`, which have their places, can reach a stub, and those of
    `unwritten` always do.
    """

    functions: frozenset[str] = frozenset()
    stubs: dict[str, str] = field(default_factory=dict)
    unwritten: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, package: Path, functions: Iterable[str], timeouts: Timeouts) -> "KnownFaults":
        """Return what the text of a package tells; no stubs when the run's time is over."""
        stubs: dict[str, str] = {}
        with contextlib.suppress(OutOfTime):
            stubs = find_stubs(package, functions, timeouts.require_time)
        return cls(frozenset(functions), stubs, {name for name in stubs if is_unwritten(package, name)})


@dataclass
class Trace:
    """The answers that the claims of a check were about, in order up to the failing one, and how the check ended.

    `ending` is empty for a claim about the last answer. Values that do not match are `noted`, where that is a list,
    instead of raised; all other claims still raise.
    """

    answers: list[Any] = field(default_factory=list)
    ending: str = ""
    noted: list[Any] | None = None


TRACE: ContextVar[Trace | None] = ContextVar("TRACE", default=None)


@contextlib.contextmanager
def trace_answers(noted: list[Any] | None = None) -> Iterator[Trace]:
    """Note the answers that are judged inside; a run inside of another has a trace of its own."""
    trace = Trace(noted=noted)
    token = TRACE.set(trace)
    try:
        yield trace
    finally:
        TRACE.reset(token)


def note_answer(answer: Any, ending: str = "") -> None:
    """Add an answer to the trace of the running check, or how the check ends."""
    trace = TRACE.get()
    if trace is not None:
        trace.answers.append(answer)
        trace.ending = ending


def split_answer(answer: Any) -> tuple[Any, ...]:
    """Return the values of an answer that is a tuple, a list or an iterator; any other answer is the only value."""
    unpacks = isinstance(answer, (tuple, list)) or (isinstance(answer, Proxy) and repr(answer) in ITERATORS)
    return tuple(answer) if unpacks else (answer,)
