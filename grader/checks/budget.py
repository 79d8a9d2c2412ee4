"""A budget in CPU seconds for what a worker does over several calls, whatever the cores and the load beside it."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..course.schema import Budget
from ..errors import StudentTimeout
from ..limits import MEGABYTE
from ..results.record import Check, Spending
from ..sandbox.parent.client import WorkerClient
from .expect import Mismatch
from .timing import available

IDLE = 0.05  # of a core: a worker that uses less of it hangs; one that others starve uses more


@dataclass
class Meter:
    """What a worker has spent of a budget, written into a check's record.

    A call whose deadline passes goes on for as long as its worker works and the budget lasts. Nothing is counted where
    the parent cannot read a worker's CPU clock.
    """

    budget: Budget
    worker: WorkerClient
    check: Check
    spent: float = 0.0
    _begun: float = 0.0
    _look: tuple[float, float] = field(default=(0.0, 0.0))

    def __post_init__(self) -> None:
        self._judge_file()

    @contextlib.contextmanager
    def spending(self, times: float = 1.0) -> Iterator[None]:
        """Counts what the worker spends inside, `times` over; raises Mismatch where that is more than the budget.

        `times` above 1 predicts what more of the same will take.
        """
        if not available() or self.worker.transport.process is None:
            yield
            return
        worker, patience, overtime = self.worker, self.worker.patience, self.worker.overtime
        self._begun = worker.process.cpu_seconds()

        def patient(callee: str) -> float:
            if worker.alive:  # else it was ended, and what is asked is only whether the run is over too
                self._look = time.monotonic(), worker.process.cpu_seconds()
            worker.overtime = lambda: patience(callee) if self._goes_on(times) else 0.0
            return patience(callee)

        worker.patience = patient
        try:
            yield
        except StudentTimeout:
            if not self._is_exhausted():
                raise
        finally:
            worker.patience, worker.overtime = patience, overtime
            if worker.alive:
                self.spent += times * (worker.process.cpu_seconds() - self._begun)
            self._record()
        if self._is_exhausted():
            raise self._over()

    def _goes_on(self, times: float) -> bool:
        """Whether a call that is late may go on: its worker is not idle, and the budget is not used up."""
        (then, before), (now, clock) = self._look, (time.monotonic(), self.worker.process.cpu_seconds())
        self._look = now, clock
        total = self.spent + times * (clock - self._begun)
        if total > self.budget.cpu_seconds:
            self.spent = total
            return False
        return clock - before >= IDLE * (now - then)

    def _is_exhausted(self) -> bool:
        return self.spent > self.budget.cpu_seconds

    def _record(self) -> None:
        """Writes what was spent into the record, of several runs of a check the most."""
        noted = self.check.spending
        if not self.worker.trusted and (noted is None or noted.cpu_seconds < self.spent):
            self.check.spending = Spending(
                name=self.budget.name, cpu_seconds=round(self.spent, 2), allowed=self.budget.cpu_seconds
            )

    def _over(self) -> Mismatch:
        allowed = f"the {self.budget.cpu_seconds:g} CPU seconds it may use"
        return Mismatch(
            f"{self.budget.title}: needs {self.spent:.3g} or more of {allowed}; make it smaller",
            f"{self.budget.title}: needs more than {allowed}",
        )

    def _judge_file(self) -> None:
        budget = self.budget
        file = self.worker.package / budget.file
        if budget.file and file.is_file() and file.stat().st_size > budget.megabytes * MEGABYTE:
            allowed = f"the {budget.megabytes:g} MB it may have"
            raise Mismatch(
                f"{budget.file}: has {file.stat().st_size / MEGABYTE:.1f} of {allowed}; make it smaller",
                f"{budget.file}: has more than {allowed}",
            )
