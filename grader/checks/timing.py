"""Verdicts on speed that don't flip: the median ratio of two workers' CPU times over interleaved pairs of calls.

Both sides run in identical workers on inputs already there; the parent reads each worker's CPU clock from the kernel
while the other side is stopped. The first pair warms up; near the limit more pairs are run; what stays near it passes.

Work could be done as the inputs arrive, in a thread while the other side runs, or as the answer is fetched. So a clock
runs over all of that too, and what it shows beyond twice what the opponent spends there counts as the call's.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NotScored, StudentTimeout
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.proxy import Package, Proxy
from .expect import Mismatch, expect

Prepare = Callable[..., tuple[Proxy, tuple]]
Once = Callable[[Package, np.random.RandomState], Any]

PAIRS, MORE_PAIRS, ENOUGH_TO_FAIL = 7, 21, 2
NEAR = (0.8, 1.25)
HOPELESS = 4.0
AGREEMENT = 1e-4  # what float32 inside rounds off is no matter of speed
ROUGH = (1, 2, 5, 10, 20, 50, 100)  # what the brief form tells of a ratio
UNSCORED = "speed is not scored here, but it is when you hand in"
UNRIVALLED = f"{UNSCORED}: it is compared with the reference's, of which only answers are here"
ELSEWHERE = 2.0  # how much more than its opponent a side may spend besides the call


def available() -> bool:
    """Whether this platform lets the parent read a worker's CPU clock."""
    return sys.platform.startswith("linux")


@dataclass
class Side:
    """One contestant: its worker, and how it comes by a function and resident arguments."""

    worker: WorkerClient
    prepare: Prepare
    once: Once | None = None

    def begin(self, seed: int) -> None:
        """Does what has to be done but once, ahead of all pairs."""
        package = self.worker.root()
        self._ready = [self.once(package, np.random.RandomState(seed))] if self.once else []
        self._held = package.count()

    def set_up(self, seed: int) -> None:
        """Draws fresh arguments and places them in the worker, in the stead of those of the pair before."""
        package = self.worker.root()
        package.forget(self._held)
        self._function, arguments = self.prepare(package, np.random.RandomState(seed), *self._ready)
        self._started = self.worker.process.cpu_seconds()
        self._arguments = [x if isinstance(x, Proxy) else package.put(x) for x in arguments]

    def run(self, other: "Side") -> None:
        """Calls the function while the other side is stopped, and leaves its result in the worker."""
        other.worker.process.pause()
        try:
            before = self.worker.process.cpu_seconds()
            self._result = self.worker.root().keep(self._function, *self._arguments)
            self.seconds = self.worker.process.cpu_seconds() - before
        finally:
            other.worker.process.resume()

    def fetch(self) -> Any:
        """The result; from then on `around` is what the worker spent on the pair besides the call."""
        result = self.worker.root().open(self._result)
        self.around = self.worker.process.cpu_seconds() - self._started - self.seconds
        return result


class Race:
    """Compares two sides pair by pair; `seeds` gives each pair its own draws."""

    def __init__(self, contender: Side, opponent: Side, seeds: Callable[[int], int], verify: bool) -> None:
        self.contender, self.opponent, self._seeds, self._verify = contender, opponent, seeds, verify
        self.ratios: list[float] = []

    def begin(self) -> None:
        """Does what has to be done but once on each side."""
        for side in (self.contender, self.opponent):
            side.begin(self._seeds(0))

    def ratio(self, limit: float) -> float:
        """The median ratio, from as many pairs as the limit needs."""
        self._pair(0)
        first = self.ratios.pop()
        for number in range(1, PAIRS + 1):
            self._pair(number)
            if number >= ENOUGH_TO_FAIL - 1 and min(first, *self.ratios) > HOPELESS * limit:
                return statistics.median(self.ratios)
        while NEAR[0] < statistics.median(self.ratios) / limit < NEAR[1] and len(self.ratios) < MORE_PAIRS:
            self._pair(len(self.ratios) + 1)
        return statistics.median(self.ratios)

    def median(self) -> float | None:
        """The median ratio so far; None before the first pair."""
        return round(statistics.median(self.ratios), 3) if self.ratios else None

    def _pair(self, number: int) -> None:
        sides = [self.contender, self.opponent]
        for side in sides:
            side.set_up(self._seeds(number))
        for side, other in (sides, sides[::-1])[:: 1 if number % 2 else -1]:
            side.run(other)
        got, wanted = self.contender.fetch(), self.opponent.fetch()
        beyond = max(0.0, self.contender.around - ELSEWHERE * self.opponent.around)
        self.ratios.append((self.contender.seconds + beyond) / max(self.opponent.seconds, 1e-9))
        if self._verify:
            self._compare(got, wanted)

    def _compare(self, got: Any, wanted: Any) -> None:
        """A fast wrong answer is no answer: every array returned has to agree with the opponent's."""
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        got = got if isinstance(got, tuple) else (got,)
        for number, value in enumerate(wanted):
            if isinstance(value, np.ndarray):
                answer = got[number] if number < len(got) else None
                expect(answer, f"result {number + 1} of the timed call").to_match(value, rel=AGREEMENT)


def rehearse(package: Package, seed: int, prepare: Prepare, once: Once | None) -> None:
    """Makes the timed call without a race, so that what is unwritten, hangs or raises shows."""
    ready = [once(package, np.random.RandomState(seed))] if once else []
    function, arguments = prepare(package, np.random.RandomState(seed), *ready)
    try:
        package.keep(function, *arguments)
    except StudentTimeout as timeout:
        raise NotScored(f"{UNSCORED}: {timeout.sentence}") from None


def report(race: Race, limit: float, opponent: str) -> None:
    """Judges a race that is not scored: raises NotScored with what came of it."""
    try:
        ratio = judge(race, limit, opponent)
    except Mismatch as slow:
        raise NotScored(f"{UNSCORED}: {slow.message}") from None
    raise NotScored(f"{UNSCORED}: took {ratio:.3g} times the CPU time of {opponent} (allowed {limit:g})")


def judge(race: Race, limit: float, opponent: str) -> float:
    """Returns the ratio when it is within the limit; raises Mismatch with the sentence when it is not."""
    race.begin()
    try:
        ratio = race.ratio(limit)
    except StudentTimeout as timeout:
        if timeout.trusted:
            raise
        allowed = f"allowed is {limit:g} times the CPU time of {opponent}"
        brief = f"the timed call did not finish in time; {allowed}"
        raise Mismatch(f"{timeout.sentence}; {allowed}", brief) from None
    if ratio > limit * NEAR[1] or (ratio > limit and len(race.ratios) < MORE_PAIRS):
        sentence, brief = (
            f"took {size} times the CPU time of {opponent} (allowed {limit:g})"
            "; is there a Python loop left that one array operation could replace?"
            for size in (f"{ratio:.3g}", _roughly(ratio))
        )
        raise Mismatch(sentence, brief, error=ratio, allowed=limit)
    return ratio


def _roughly(ratio: float) -> str:
    """A ratio too roughly for a contender to tell an input by it."""
    steps = [step for step in ROUGH if ratio >= step]
    return f"more than {steps[-1]}" if steps else "too many"
