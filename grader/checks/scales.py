"""Judge by the manifest's scales and budgets: what is measured earns points, and what is spent has an end."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..course.schema import Budget
from ..errors import CourseError, WorkerTimeout
from ..limits import MEGABYTE
from ..results.record import CheckResult, Spending, Standing
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.proxy import Package, Proxy
from . import messages, wording
from .collect import Bound
from .expect import Mismatch, expect
from .timing import can_measure

IDLE = 0.05  # of a core: a worker that uses less of it hangs; one that others starve uses more


class Scales(Bound):
    """Judges a measured value by a scale of the manifest, `scale("accuracy", 0.81)`, and puts it on the leaderboard."""

    def __call__(self, name: str, value: float) -> None:
        """Fail the check below the top of the scale, with the points of the step that was reached.

        A hidden check tells no more of the value than that step, and the leaderboard two digits of it, since what is
        measured may depend on secrets. What is no finite number has no place there.
        """
        chosen, check = self.context.manifest.scale(name), self.running.check
        if chosen.steps[-1][1] != check.points:
            raise CourseError(
                f"scales {name}: its top is {chosen.steps[-1][1]} points, {check.id} is worth {check.points}"
            )
        expect(value, chosen.title).to_be_finite()
        check.standing = Standing(name=chosen.title, value=round(float(value), 2))
        above = next((step for step in chosen.steps if not value >= step[0]), None)
        if above is not None:
            earned, shown = chosen.earned(value), wording.show_apart(value, above[0], "f", 3)
            facts = {"points": check.points, "next": above[0], "more": above[1], "earned": earned}
            raise Mismatch(*messages.BELOW_TOP.fill(title=chosen.title, value=shown, **facts), earned=earned)


@dataclass
class Meter:
    """Measures what a worker spends of a budget in CPU seconds over several calls, and writes it into the record.

    A call whose deadline passes goes on for as long as its worker works and the budget lasts. Nothing is counted where
    the parent cannot read a worker's CPU clock.
    """

    budget: Budget
    worker: WorkerClient
    check: CheckResult
    spent: float = 0.0
    _begun: float = 0.0
    _look: tuple[float, float] = field(default=(0.0, 0.0))

    def __post_init__(self) -> None:
        name, allowed = self.budget.file, self.budget.megabytes
        file = self.worker.package / name
        if name and file.is_file() and (size := file.stat().st_size / MEGABYTE) > allowed:
            shown = wording.show_apart(size, allowed, "f", 1)
            raise Mismatch(*messages.LARGE_FILE.fill(file=name, megabytes=shown, allowed=allowed))

    @contextlib.contextmanager
    def spending(self, times: float = 1.0) -> Iterator[None]:
        """Count what the worker spends inside, `times` over. Raise Mismatch where that is more than the budget.

        `times` above 1 predicts what more of the same will take.
        """
        if not can_measure() or self.worker.transport.process is None:
            yield
            return
        worker, timeout_for, overtime = self.worker, self.worker.timeout_for, self.worker.overtime
        self._begun = worker.process.cpu_seconds()

        def patient(callee: str) -> float:
            if worker.alive:  # else it was ended, and what is asked is only whether the run is over too
                self._look = time.monotonic(), worker.process.cpu_seconds()
            worker.overtime = lambda: timeout_for(callee) if self._goes_on(times) else 0.0
            return timeout_for(callee)

        worker.timeout_for = patient
        try:
            yield
        except WorkerTimeout:
            if self.spent <= self.budget.cpu_seconds:
                raise
        finally:
            worker.timeout_for, worker.overtime = timeout_for, overtime
            if worker.alive:
                self.spent += times * (worker.process.cpu_seconds() - self._begun)
            self._record()
        title, allowed = self.budget.title, self.budget.cpu_seconds
        if self.spent > allowed:
            spent = wording.show_apart(self.spent, allowed, digits=3)
            raise Mismatch(*messages.OVER_BUDGET.fill(title=title, spent=spent, allowed=allowed))

    def _goes_on(self, times: float) -> bool:
        """Return whether a call that is late may go on: its worker is not idle, and the budget is not used up."""
        (then, before), (now, clock) = self._look, (time.monotonic(), self.worker.process.cpu_seconds())
        self._look = now, clock
        total = self.spent + times * (clock - self._begun)
        if total > self.budget.cpu_seconds:
            self.spent = total
            return False
        return clock - before >= IDLE * (now - then)

    def _record(self) -> None:
        """Write what was spent into the record, of several runs of a check the most."""
        noted = self.check.spending
        if not self.worker.trusted and (noted is None or noted.cpu_seconds < self.spent):
            self.check.spending = Spending(
                name=self.budget.name, cpu_seconds=round(self.spent, 2), allowed=self.budget.cpu_seconds
            )


class Budgets(Bound):
    """Makes meters: `meter = budget("training", student)`, then `with meter.spending(): …`."""

    def __call__(self, name: str, package: Package) -> Meter:
        """Return a meter for a budget of the manifest. Raise Mismatch where the budget's file is too large."""
        return Meter(self.context.manifest.budget(name), Proxy.owner(package), self.running.check)
