"""The fixtures a check is written with: student, reference, rng, scale, budget, race."""

import numpy as np
import pytest

from ..errors import ChecksError, NotScored
from ..results.record import Standing
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.proxy import Package, Proxy
from . import timing
from .budget import Meter
from .collect import STATE, State, Writer
from .context import derive
from .expect import Mismatch
from .plugin import PLUGIN


@pytest.fixture
def check_state(request: pytest.FixtureRequest) -> State:
    """The running check, with a seed of its own from the run's seed and its name."""
    state = request.node.stash[STATE]
    state.seed = derive(request.config.stash[PLUGIN].seed, state.check.id)
    return state


@pytest.fixture
def rng(check_state: State) -> np.random.RandomState:
    """The check's own frozen stream of draws."""
    return np.random.RandomState(check_state.seed)


@pytest.fixture
def student(request: pytest.FixtureRequest, check_state: State) -> Package:
    """The judged package, in a fresh worker."""
    checks = request.config.stash[PLUGIN]
    seed = derive(check_state.seed, "worker")
    check_state.worker = checks.grading.student_worker(check_state.libraries, seed, checks.modules)
    return check_state.worker.root()


@pytest.fixture
def reference(request: pytest.FixtureRequest, check_state: State) -> Package:
    """The reference package, with its generators seeded like the student's."""
    grading = request.config.stash[PLUGIN].grading
    return grading.reference_worker(check_state.libraries, derive(check_state.seed, "worker")).root()


class Scale(Writer):
    """Judges a measured value by a scale of the manifest, `scale("accuracy", 0.81)`, and puts it on the leaderboard."""

    def __call__(self, name: str, value: float) -> None:
        """Below the top of the scale the check fails, with the points of the step that was reached.

        A hidden check tells no more of the value than that step, and the leaderboard two digits of it, since what is
        measured may depend on secrets.
        """
        chosen, check = self.checks.grading.manifest.scale(name), self.state.check
        if chosen.steps[-1][1] != check.points:
            raise ChecksError(
                f"scales {name}: its top is {chosen.steps[-1][1]} points, {check.id} is worth {check.points}"
            )
        check.standing = Standing(name=chosen.title, value=round(float(value), 2))
        above = chosen.next_step(value)
        if above is not None:
            earned = chosen.earned(value)
            story, brief = (
                f"{chosen.title}: {size}earns {earned:g} of {check.points:g} points; "
                f"from {above[0]:g} on it earns {above[1]:g}"
                for size in (f"{value:.3f} ", "")
            )
            raise Mismatch(story, brief, earned=earned)


@pytest.fixture
def scale(request: pytest.FixtureRequest, check_state: State) -> Scale:
    """The check's scales."""
    return Scale(request.config.stash[PLUGIN], check_state)


class Budgets(Writer):
    """Makes meters: `meter = budget("training", student)`, then `with meter.spending(): …`."""

    def __call__(self, name: str, package: Package) -> Meter:
        """A meter for a budget of the manifest; raises Mismatch where the budget's file is too large."""
        return Meter(self.checks.grading.manifest.budget(name), Proxy.owner(package), self.state.check)


@pytest.fixture
def budget(request: pytest.FixtureRequest, check_state: State) -> Budgets:
    """The check's budgets."""
    return Budgets(request.config.stash[PLUGIN], check_state)


class Contest(Writer):
    """Judges speed: `race(prepare, at_most=12)` with the reference, `race(prepare, rival, at_most=1.5)` in one package.

    `prepare(package, rng)` returns the function to time and its arguments; it is called afresh for each pair. Where
    `once(package, rng)` is given, it is called before the first, and `prepare` gets what it returned as third argument.
    Their answers have to agree; `verify=False` where the check itself judges the answer of the one it is about.
    With a recorded reference it raises NotScored with what can be said all the same.
    """

    def __call__(
        self,
        prepare: timing.Prepare,
        rival: timing.Prepare | None = None,
        *,
        at_most: float,
        once: timing.Once | None = None,
        verify: bool = True,
    ) -> None:
        grading, contender, seed = self.checks.grading, self.state.worker, self.checks.race_seed(self.state)
        if not grading.races:
            return
        self.state.unpublished = bool(self.checks.secret_seeds)
        if grading.recording is not None and rival is None:
            timing.rehearse(contender.root(), seed, prepare, once)
            raise NotScored(timing.UNRIVALLED)
        opponent = self._opponent(rival is not None)
        sides = timing.Side(contender, prepare, once), timing.Side(opponent, rival or prepare, once)
        contest = timing.Race(*sides, lambda number: derive(seed, f"pair {number}"), verify)
        name = "your own other function" if rival is not None else "the reference"
        try:
            (timing.judge if grading.recording is None else timing.report)(contest, at_most, name)
        finally:
            opponent.kill()
            self.state.check.cpu_ratio = contest.median()

    def _opponent(self, of_same_package: bool) -> WorkerClient:
        """Another worker of the judged package, or one of the reference."""
        grading, seed = self.checks.grading, derive(self.state.seed, "worker")
        of_student = of_same_package and not self.state.worker.trusted
        return (grading.student_worker if of_student else grading.reference_twin)(self.state.libraries, seed)


@pytest.fixture
def race(request: pytest.FixtureRequest, check_state: State, student: Package) -> Contest:
    """What judges the check's speed."""
    return Contest(request.config.stash[PLUGIN], check_state)
