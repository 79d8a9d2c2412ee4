"""Judges packages by a question's checks in this very process, since a worker for each of hundreds would take minutes.

Nothing here is isolated: it is for the project's own mutants only. Checks of speed and of scales are left out.
"""

import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.lib import stride_tricks
from numpy.lib.array_utils import byte_bounds

from grader.checks.collect import RunningCheck, describe
from grader.checks.context import derive
from grader.course.manifest import Manifest, Question
from grader.grading import run
from grader.sandbox.parent.client import WorkerClient
from grader.sandbox.parent.transport import InProcessTransport
from grader.sandbox.policy import WorkerLimits
from tests.harness.loaded import own_modules

SECONDS = 2.0  # of CPU, for one check
WITHOUT = {"race", "scale", "budget"}  # fixtures that need workers


class Late(BaseException):
    """A check used up its time, as an endless loop does."""


class Judge:
    """Checks, collected once; `verdicts` runs them on a package."""

    def __init__(self, manifest: Manifest, items: list[pytest.Function]) -> None:
        self._manifest = manifest
        self._checks = [(item, describe(item, manifest)) for item in items]
        self._checks = [
            (item, running) for item, running in self._checks if not WITHOUT & set(item._fixtureinfo.argnames)
        ]
        self._reference = self._worker(manifest.path("reference"))
        self._kills: Counter[tuple[str, str]] = Counter()

    def verdicts(self, package: Path) -> dict[str, BaseException | None]:
        """What each check raises."""
        worker = self._worker(package)
        return {running.check.id: self._run(item, running, worker) for item, running in self._checks}

    @property
    def ids(self) -> list[str]:
        """The checks' ids."""
        return [running.check.id for _, running in self._checks]

    def verdict(self, package: Path, check: str) -> BaseException | None:
        """What one check raises."""
        item, running = next(known for known in self._checks if known[1].check.id == check)
        return self._run(item, running, self._worker(package))

    def rejects(self, package: Path, function: str) -> bool:
        """Whether some check fails; those come first that judge this function, or have failed for it before."""
        worker = self._worker(package)

        def hopeful(check: tuple[pytest.Function, RunningCheck]) -> tuple[int, bool]:
            return self._kills[function, check[1].check.id], function in check[1].judged

        for item, running in sorted(self._checks, key=hopeful, reverse=True):
            if self._run(item, running, worker) is not None:
                self._kills[function, running.check.id] += 1
                return True
        return False

    def _run(self, item: pytest.Function, running: RunningCheck, worker: WorkerClient) -> BaseException | None:
        seed = derive(self._manifest.seeds.public, running.check.id)
        packages = {"student": worker, "reference": self._reference}
        for side in packages.values():
            side.reset(derive(seed, "worker"))
        made = {"rng": np.random.RandomState(seed)} | {name: side.root() for name, side in packages.items()}
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        given = {name: (made | parameters)[name] for name in item._fixtureinfo.argnames}
        try:
            with _at_most(SECONDS):
                item.obj(**given)
        except Exception as error:
            return error
        except Late as error:
            return error
        return None

    def _worker(self, package: Path) -> WorkerClient:
        worker = WorkerClient(InProcessTransport(), package, package.name, WorkerLimits())
        worker.load(())
        worker.start(0)
        return worker


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise Late

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def with_judge(manifest: Manifest, questions: Sequence[Question], use: Callable[[Judge], None]) -> None:
    """Collects the questions' checks with pytest and calls `use` while they are loaded."""

    class Collector:
        raised: BaseException | None = None

        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            try:
                use(Judge(manifest, session.items))
            except BaseException as error:
                self.raised = error
            return True

    collector, unwritten = Collector(), sys.dont_write_bytecode
    files = [manifest.path(kind) / question.file for question in questions for kind in ("public", "hidden")]
    sys.dont_write_bytecode = True  # a mutant may be as long, and as old in seconds, as the one before
    try:
        with _bounded_views(), own_modules(manifest), warnings.catch_warnings(action="ignore"):
            run.run_pytest(manifest, [file for file in files if file.is_file()], [collector], "-p", "no:warnings")
    finally:
        sys.dont_write_bytecode = unwritten
    if collector.raised is not None:
        raise collector.raised


@contextmanager
def _bounded_views() -> Iterator[None]:
    """Has `as_strided` raise where a view would leave its array, for a mutant could overwrite this process's memory."""
    unbounded = stride_tricks.as_strided

    def as_strided(x: np.ndarray, *arguments: Any, **keywords: Any) -> np.ndarray:
        view, owner = unbounded(x, *arguments, **keywords), x
        while isinstance(owner.base, np.ndarray):
            owner = owner.base
        (low, high), (first, last) = byte_bounds(view), byte_bounds(owner)
        if view.size and not first <= low <= high <= last:
            raise ValueError("the view leaves its array")
        return view

    stride_tricks.as_strided = as_strided
    try:
        yield
    finally:
        stride_tricks.as_strided = unbounded
