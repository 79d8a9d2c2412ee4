"""The fixtures a check is written with: student, reference, rng, scale, budget, race."""

import numpy as np
import pytest

from ..errors import ChecksError, NotScored
from ..results.record import Standing
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.proxy import Package, Proxy
from . import messages, timing, wording
from .collect import CONTEXT, RUNNING, Bound, RunningCheck
from .context import RunContext, derive
from .expect import Mismatch


@pytest.fixture
def run_context(request: pytest.FixtureRequest) -> RunContext:
    """Return what the checks of the run share."""
    return request.config.stash[CONTEXT]


@pytest.fixture
def running(request: pytest.FixtureRequest, run_context: RunContext) -> RunningCheck:
    """Return the running check, with a seed of its own from the run's seed and its name."""
    check: RunningCheck = request.node.stash[RUNNING]
    check.seed = derive(run_context.public_seed, check.check.id)
    return check


@pytest.fixture
def rng(running: RunningCheck) -> np.random.RandomState:
    """Return the check's own frozen stream of draws."""
    return np.random.RandomState(running.seed)


@pytest.fixture
def student(run_context: RunContext, running: RunningCheck) -> Package:
    """Return the judged package, in the worker of this check."""
    seed = derive(running.seed, "worker")
    running.worker = run_context.get_student_worker(running.libraries, seed, run_context.modules_in_use)
    return running.worker.root()


@pytest.fixture
def reference(run_context: RunContext, running: RunningCheck) -> Package:
    """Return the reference package, with its generators seeded like the student's."""
    return run_context.get_reference_worker(running.libraries, derive(running.seed, "worker")).root()


class Scales(Bound):
    """Judges a measured value by a scale of the manifest, `scale("accuracy", 0.81)`, and puts it on the leaderboard."""

    def __call__(self, name: str, value: float) -> None:
        """Fail the check below the top of the scale, with the points of the step that was reached.

        A hidden check tells no more of the value than that step, and the leaderboard two digits of it, since what is
        measured may depend on secrets.
        """
        chosen, check = self.context.manifest.scale(name), self.running.check
        if chosen.steps[-1][1] != check.points:
            raise ChecksError(
                f"scales {name}: its top is {chosen.steps[-1][1]} points, {check.id} is worth {check.points}"
            )
        check.standing = Standing(name=chosen.title, value=round(float(value), 2))
        above = next((step for step in chosen.steps if not value >= step[0]), None)
        if above is not None:
            facts = {
                "title": chosen.title,
                "value": wording.show_apart(value, above[0], "f", 3),
                "points": check.points,
                "next": above[0],
                "more": above[1],
            }
            earned = chosen.earned(value)
            raise Mismatch(*messages.BELOW_TOP.fill(earned=earned, **facts), earned=earned)


@pytest.fixture
def scale(run_context: RunContext, running: RunningCheck) -> Scales:
    """Return the check's scales."""
    return Scales(run_context, running)


class Budgets(Bound):
    """Makes meters: `meter = budget("training", student)`, then `with meter.spending(): …`."""

    def __call__(self, name: str, package: Package) -> timing.Meter:
        """Return a meter for a budget of the manifest. Raise Mismatch where the budget's file is too large."""
        return timing.Meter(self.context.manifest.budget(name), Proxy.owner(package), self.running.check)


@pytest.fixture
def budget(run_context: RunContext, running: RunningCheck) -> Budgets:
    """Return the check's budgets."""
    return Budgets(run_context, running)


class Contest(Bound):
    """Judges speed: `race(prepare, at_most=12)` with the reference, `race(prepare, rival, at_most=1.5)` in one package.

    `prepare(package, rng)` returns the function to time and its arguments; it is called again for each pair. Where
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
        context, running, contender = self.context, self.running, self.running.worker
        assert contender is not None  # the fixture `race` asks for `student`
        if not context.races:
            return
        running.unpublished, seed = bool(context.secret_seeds), self.draw_seed()
        if context.recorded_answers is not None and rival is None:
            timing.rehearse(contender.root(), seed, prepare, once)
            raise NotScored(messages.UNRIVALLED)
        opponent = self._opponent(contender, rival is not None)
        sides = timing.Side(contender, prepare, once), timing.Side(opponent, rival or prepare, once)
        contest = timing.Race(*sides, lambda number: derive(seed, f"pair {number}"), verify)
        name = messages.REFERENCE if rival is None else ""
        try:
            (timing.judge_race if context.recorded_answers is None else timing.report_race)(contest, at_most, name)
        finally:
            opponent.kill()
            running.check.cpu_ratio = contest.median()

    def draw_seed(self) -> int:
        """Return the seed of a race's draws: secret where one is, or answers could be made ready beforehand."""
        secrets, running = self.context.secret_seeds, self.running
        return derive(secrets[0], running.check.id, "race") if secrets else running.seed

    def _opponent(self, contender: WorkerClient, of_same_package: bool) -> WorkerClient:
        """Return another worker of the judged package, or one of the reference."""
        seed, libraries = derive(self.running.seed, "worker"), self.running.libraries
        if of_same_package and not contender.trusted:
            return self.context.get_student_worker(libraries, seed)
        return self.context.launch_reference(libraries, seed)


@pytest.fixture
def race(run_context: RunContext, running: RunningCheck, student: Package) -> Contest:
    """Return what judges the check's speed."""
    return Contest(run_context, running)
