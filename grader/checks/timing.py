"""Judge speed by races: the median ratio of two workers' CPU times over interleaved pairs of calls.

Both sides run in identical workers on inputs already there; the parent reads each worker's CPU clock from the kernel
while the other side is stopped. Work could be done as the inputs arrive, in a thread while the other side runs, or as
the answer is fetched. So a clock runs over all of that too, and what it shows beyond twice what the opponent spends
there counts as the call's.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import NotScored, WorkerTimeout
from ..limits import RACE_PAIRS, RACE_PAIRS_CLEAR, RACE_PAIRS_HOPELESS, RACE_PAIRS_NEAR
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.proxy import Package, Proxy
from . import messages, wording
from .bookkeeping import split_answer
from .collect import Bound
from .context import derive, make_rng
from .expect import Mismatch, expect

Prepare = Callable[..., tuple[Proxy, tuple[Any, ...]]]
Once = Callable[[Package, np.random.RandomState], Any]

RATIOS = (1, 2, 5, 10, 20, 50, 100)  # the steps by which a brief form tells a ratio
NEAR = (0.8, 1.25)
CLEAR = 0.5
HOPELESS = 4.0
AGREEMENT = 1e-4  # what float32 inside rounds off is no matter of speed
ELSEWHERE = 2.0  # how much more than its opponent a side may spend besides the call


def can_measure() -> bool:
    """Return whether this platform lets the parent read a worker's CPU clock."""
    return sys.platform.startswith("linux")


@dataclass
class Side:
    """One contestant: its worker, and how it comes by a function and resident arguments."""

    worker: WorkerClient
    prepare: Prepare
    once: Once | None = None
    asked: str = ""

    def begin(self, rng: np.random.RandomState) -> None:
        """Do what has to be done only once, ahead of all pairs."""
        package = self.worker.root()
        self._ready = [self.once(package, rng)] if self.once else []
        self._mark = package.put(None)

    def set_up(self, rng: np.random.RandomState) -> None:
        """Draw new arguments and place them in the worker instead of those of the pair before."""
        package = self.worker.root()
        package.forget(self._mark)
        self._function, arguments = self.prepare(package, rng, *self._ready)
        self.asked = Proxy.asked(self._function) if isinstance(self._function, Proxy) else ""
        self._started = self.worker.process.cpu_seconds()
        self._arguments = [x if isinstance(x, Proxy) else package.put(x) for x in arguments]

    def run(self, other: "Side") -> None:
        """Call the function while the other side is stopped, and leave its result in the worker."""
        other.worker.process.pause()
        try:
            before = self.worker.process.cpu_seconds()
            self._result = self.worker.root().keep(self._function, *self._arguments)
            self.seconds = self.worker.process.cpu_seconds() - before
        finally:
            other.worker.process.resume()

    def fetch(self) -> Any:
        """Return the result; from then on `around` is what the worker spent on the pair besides the call."""
        result = self.worker.root().open(self._result)
        self.around = self.worker.process.cpu_seconds() - self._started - self.seconds
        return result


class Race:
    """Compares two sides pair by pair, each pair with its own draws from the seed."""

    def __init__(self, contender: Side, opponent: Side, seed: int, verify: bool) -> None:
        self.contender, self.opponent, self._seed, self._verify = contender, opponent, seed, verify
        self.ratios: list[float] = []
        self._drawn = 0

    def begin(self) -> None:
        """Do what has to be done only once on each side."""
        for side in (self.contender, self.opponent):
            side.begin(self._draw(0))

    def ratio(self, limit: float) -> float:
        """Return the median ratio, the lower one of two where the first is beyond the limit, but not by far."""
        self._measure(limit)
        first, median = self.ratios, statistics.median(self.ratios)
        if NEAR[1] * limit < median <= HOPELESS * limit:
            self.ratios = []
            self._measure(limit)
            self.ratios = min(first, self.ratios, key=statistics.median)
        return statistics.median(self.ratios)

    def _measure(self, limit: float) -> None:
        """Run a pair that warms up, then as many as the limit needs."""
        self._pair()
        first = self.ratios.pop()
        for number in range(1, RACE_PAIRS + 1):
            self._pair()
            if number >= RACE_PAIRS_HOPELESS - 1 and min(first, *self.ratios) > HOPELESS * limit:
                return
            if number >= RACE_PAIRS_CLEAR and max(self.ratios) < CLEAR * limit:
                return
        while NEAR[0] < statistics.median(self.ratios) / limit < NEAR[1] and len(self.ratios) < RACE_PAIRS_NEAR:
            self._pair()

    def name(self, opponent: str) -> str:
        """Return how a sentence names the opponent: where it has no name, as the check names the student's function."""
        return opponent or messages.OWN.format(self.opponent.asked.rpartition(".")[2] or messages.OTHER_FUNCTION)

    def median(self) -> float | None:
        """Return the median ratio so far; None before the first pair."""
        return round(statistics.median(self.ratios), 3) if self.ratios else None

    def _draw(self, pair: int) -> np.random.RandomState:
        return make_rng(self._seed, f"pair {pair}")

    def _pair(self) -> None:
        sides = [self.contender, self.opponent]
        for side in sides:
            side.set_up(self._draw(self._drawn))
        for side, other in (sides, sides[::-1])[:: 1 if self._drawn % 2 else -1]:
            side.run(other)
        self._drawn += 1
        got, wanted = self.contender.fetch(), self.opponent.fetch()
        beyond = max(0.0, self.contender.around - ELSEWHERE * self.opponent.around)
        self.ratios.append((self.contender.seconds + beyond) / max(self.opponent.seconds, 1e-9))
        if self._verify:
            self._compare(got, wanted)

    def _compare(self, got: Any, wanted: Any) -> None:
        """Compare every array returned with the opponent's, since a fast wrong answer is no answer."""
        got = split_answer(got) if isinstance(wanted, tuple) or isinstance(got, tuple) else (got,)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        for number, value in enumerate(wanted):
            if isinstance(value, np.ndarray):
                answer = got[number] if number < len(got) else None
                expect(answer, f"result {number + 1} of the timed call").to_match(value, rel=AGREEMENT)


def rehearse(package: Package, seed: int, prepare: Prepare, once: Once | None) -> None:
    """Make the timed call without a race, so that what is unwritten, hangs or raises shows."""
    ready = [once(package, make_rng(seed))] if once else []
    function, arguments = prepare(package, make_rng(seed), *ready)
    try:
        package.keep(function, *arguments)
    except WorkerTimeout as timeout:
        raise NotScored(messages.UNSCORED.format(wording.explain_error(timeout).full)) from None


def report_race(race: Race, limit: float, opponent: str) -> None:
    """Judge a race that is not scored: raises NotScored with what came of it."""
    try:
        ratio = judge_race(race, limit, opponent)
    except Mismatch as slow:
        raise NotScored(messages.UNSCORED.format(slow.message)) from None
    size = wording.show_apart(ratio, limit, digits=3)
    result = messages.RATIO.format(size=size, opponent=race.name(opponent), limit=limit)
    raise NotScored(messages.UNSCORED.format(result))


def judge_race(race: Race, limit: float, opponent: str) -> float:
    """Return the ratio when it is within the limit. Raise Mismatch with the sentence when it is not.

    An `opponent` without a name is a function of the student's own, which the sentence names.
    """
    race.begin()
    try:
        ratio = race.ratio(limit)
    except WorkerTimeout as timeout:
        if timeout.trusted:
            raise
        facts = {"limit": limit, "opponent": race.name(opponent)}
        late = messages.LATE.fill(sentence=wording.explain_error(timeout).full, **facts)
        raise Mismatch(*late) from None
    if ratio > limit * NEAR[1] or (ratio > limit and len(race.ratios) < RACE_PAIRS_NEAR):
        raise Mismatch(*explain_slow(ratio, limit, race.name(opponent)), error=ratio, allowed=limit)
    return ratio


def explain_slow(ratio: float, limit: float, opponent: str) -> messages.Sentence:
    """Say how slow a function is, and what usually is the reason."""
    steps = [step for step in RATIOS if ratio >= step]
    sizes = wording.show_apart(ratio, limit, digits=3), f"more than {steps[-1]}" if steps else "too many"
    sentence = messages.SLOW if opponent == messages.REFERENCE else messages.SLOW_OWN
    return messages.Sentence(*(sentence.format(size=size, opponent=opponent, limit=limit) for size in sizes))


class Contest(Bound):
    """Judges speed: `race(prepare, at_most=12)` with the reference, `race(prepare, rival, at_most=1.5)` in one package.

    `prepare(package, rng)` returns the function to time and its arguments; it is called again for each pair. Where
    `once(package, rng)` is given, it is called before the first, and `prepare` gets what it returned as third argument.
    Their answers have to agree; `verify=False` where the check itself judges the answer of the one it is about.
    With a recorded reference it raises NotScored with what can be said all the same.
    """

    def __call__(
        self,
        prepare: Prepare,
        rival: Prepare | None = None,
        *,
        at_most: float,
        once: Once | None = None,
        verify: bool = True,
    ) -> None:
        context, running, contender = self.context, self.running, self.running.worker
        assert contender is not None  # the fixture `race` asks for `student`
        if not context.races:
            return
        if context.recorded_answers is not None and rival is None:
            rehearse(contender.root(), running.seed, prepare, once)
            raise NotScored(messages.UNRIVALLED)
        own = rival is not None and not contender.trusted
        launch = context.get_student_worker if own else context.launch_reference
        opponent = launch(running.libraries, derive(running.seed, "worker"))
        sides = Side(contender, prepare, once), Side(opponent, rival or prepare, once)
        contest = Race(*sides, running.seed, verify)
        name = messages.REFERENCE if rival is None else ""
        try:
            (judge_race if context.recorded_answers is None else report_race)(contest, at_most, name)
        finally:
            opponent.kill()
            running.check.cpu_ratio = contest.median()
