"""Verdicts on speed that don't flip: the median ratio of two workers' CPU times over interleaved pairs of calls.

Both sides run in identical workers on inputs already there; the parent reads each worker's CPU clock from the kernel
while the other side is stopped. The first pair warms up; near the limit more pairs are run; what stays near it passes.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..sandbox.client import Worker
from ..sandbox.errors import StudentTimeout
from ..sandbox.remote import Package, Remote
from .expect import Mismatch, expect

Prepare = Callable[..., tuple[Remote, tuple]]
Once = Callable[[Package, np.random.RandomState], Any]

PAIRS, MORE_PAIRS, ENOUGH_TO_FAIL = 7, 21, 2
NEAR = (0.8, 1.25)
HOPELESS = 4.0
AGREEMENT = 1e-6


def available() -> bool:
    """Whether this platform lets the parent read a worker's CPU clock."""
    return sys.platform.startswith("linux")


@dataclass
class Side:
    """One contestant: its worker, and how it comes by a function and resident arguments."""

    worker: Worker
    prepare: Prepare
    once: Once | None = None

    def begin(self, seed: int) -> None:
        """Does what has to be done but once, ahead of all pairs."""
        package = self.worker.root()
        self._ready = [self.once(package, np.random.RandomState(seed))] if self.once else []
        self._held = package.count()

    def set_up(self, seed: int) -> tuple[Remote, list[Any]]:
        """Draws fresh arguments and places them in the worker, in the stead of those of the pair before."""
        package = self.worker.root()
        package.forget(self._held)
        function, arguments = self.prepare(package, np.random.RandomState(seed), *self._ready)
        return function, [argument if isinstance(argument, Remote) else package.put(argument) for argument in arguments]

    def timed(self, function: Remote, arguments: list[Any], other: "Side") -> tuple[float, Remote]:
        """CPU seconds of one call, and its result, left in the worker."""
        package = self.worker.root()
        other.worker.pause()
        try:
            before = self.worker.cpu_seconds()
            result = package.keep(function, *arguments)
            return self.worker.cpu_seconds() - before, result
        finally:
            other.worker.resume()


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
        ready = {id(side): side.set_up(self._seeds(number)) for side in sides}
        seconds, results = {}, {}
        for side in sides if number % 2 else reversed(sides):
            other = sides[1] if side is sides[0] else sides[0]
            seconds[id(side)], results[id(side)] = side.timed(*ready[id(side)], other)
        self.ratios.append(seconds[id(sides[0])] / max(seconds[id(sides[1])], 1e-9))
        if self._verify:
            self._compare(results[id(sides[0])], results[id(sides[1])])

    def _compare(self, got: Remote, wanted: Remote) -> None:
        """A fast wrong answer is no answer: every array returned has to agree with the opponent's."""
        got, wanted = self.contender.worker.root().open(got), self.opponent.worker.root().open(wanted)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        got = got if isinstance(got, tuple) else (got,)
        for number, value in enumerate(wanted):
            if isinstance(value, np.ndarray):
                answer = got[number] if number < len(got) else None
                expect(answer, f"result {number + 1} of the timed call").to_match(value, rel=AGREEMENT)


def judge(race: Race, limit: float, opponent: str) -> float:
    """Returns the ratio when it is within the limit; raises Mismatch with the sentence when it is not."""
    race.begin()
    try:
        ratio = race.ratio(limit)
    except StudentTimeout as timeout:
        if timeout.trusted:
            raise
        raise Mismatch(f"{timeout.sentence}; allowed is {limit:g} times the CPU time of {opponent}") from None
    if ratio > limit * NEAR[1] or (ratio > limit and len(race.ratios) < MORE_PAIRS):
        sentence = f"took {ratio:.3g} times the CPU time of {opponent} (allowed {limit:g})"
        sentence += "; is there a Python loop left that one array operation could replace?"
        raise Mismatch(sentence, error=ratio, allowed=limit)
    return ratio
