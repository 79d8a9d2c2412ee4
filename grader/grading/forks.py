"""Judge many packages by checks that are collected once, each in a fork of this process, for code that is trusted."""

import contextlib
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import msgspec
import pytest

from ..checks.choice import Selection
from ..checks.collect import RAISED, RUNNING, RunningCheck
from ..checks.context import RunContext, derive
from ..checks.follow_through import list_called_by_reference, renew
from ..checks.plugin import ChecksPlugin
from ..course.manifest import Manifest
from ..errors import CourseError
from ..limits import FORK_CPU_SECONDS, FORK_SECONDS
from ..results.record import CheckResult, Outcome
from ..sandbox.parent.zygote_pool import ZygotePool
from . import run
from .hints import Hints

MADE = {"rng", "student", "reference"}  # fixtures
UNTRIED = "no mistake is tried"
Answer = TypeVar("Answer")


class ForkedJudge:
    """The checks of one question but those with other fixtures, which need a run of pytest; each package has a fork.

    Verdicts are those of a graded run: answers that are wrong by another function's fault are looked at again, unless
    `second_looks` are left out. Checks that never reach a planted function pass untried. `hints` name misconceptions.
    """

    def __init__(
        self, manifest: Manifest, question: str, second_looks: bool = True, hints: Hints | None = None
    ) -> None:
        self._manifest, self._question, self._second_looks, self._hints = manifest, question, second_looks, hints
        items = run.collect_items(manifest, Selection([question]))
        self._items = [item for item in items if MADE | _parameters(item).keys() >= set(item._fixtureinfo.argnames)]
        left_out = [item.stash[RUNNING] for item in items if item not in self._items]
        self._incomplete = {function for running in left_out for function in running.judged}
        self._foundations: dict[str, set[str]] = {}
        self._reached: dict[str, set[str]] = {}
        for library in manifest.question(question).libraries:
            importlib.import_module(library)

    @property
    def ids(self) -> list[str]:
        """Return the ids of the checks."""
        return [item.stash[RUNNING].check.id for item in self._items]

    def can_judge(self, function: str, costs: Iterable[str]) -> bool:
        """Return whether it has the checks that a change of a function costs, and all others of this function.

        One that it lacks would count: others are judged given right functions where these are mostly right.
        """
        return set(self.ids).issuperset(costs) and function not in self._incomplete

    def judge(self, package: Path, function: str = "", first: bool = False) -> list[CheckResult] | None:
        """Return the checks as a package leaves them, or up to the `first` not passed; None where its fork was ended.

        Where only one function differs from the reference's, checks that do not reach it are not run. Raise CourseError
        where the reference itself does not pass.
        """
        if function and not self._reached:
            self._survey()
        found = call_in_fork(lambda: self.judge_here(package, self._reach(function), first), list[CheckResult])
        if found and function and any(check.cause for check in found):
            return self.judge(package, first=first)  # its module fails, and so do checks of other functions
        return found

    def judge_here(self, package: Path, chosen: set[str] | None = None, first: bool = False) -> list[CheckResult]:
        """Run the chosen checks, all by default, in this very process; the others pass."""
        found: list[CheckResult] = []
        with self._running(package) as plugin:
            for item in self._items:
                running = item.stash[RUNNING].copy()
                found.append(running.check)
                if chosen is None or running.check.id in chosen:
                    _judge(plugin, item, running)
                else:
                    plugin.accept_untried(running)
                plugin.context.scores.add(running.check)
                if first and running.check.outcome is not Outcome.PASSED:
                    return found
            plugin.judge.settle_open_cases()
            if self._hints is not None:
                self._hints.name(plugin.context, plugin.tried)
        return found

    def _reach(self, function: str) -> set[str] | None:
        """Return the checks that reach a function of the reference; None for all."""
        reached = self._reached.items()
        return {check for check, names in reached if function in names} if function else None

    def _survey(self) -> None:
        """Find out what each check reaches in the reference, and which functions a second look may replace."""
        found = call_in_fork(self._look_at_reference, list[tuple[CheckResult, set[str], set[str]]])
        if found is None:
            raise CourseError(
                f"{UNTRIED}, since the reference does not come through the checks of {self._question}; "
                f"see what check --student {self._manifest.paths.reference} -q {self._question} says"
            )
        require_passed(UNTRIED, (check for check, *_ in found))
        self._reached = {check.id: names for check, names, _ in found}
        self._foundations = {check.id: called for check, _, called in found}

    def _look_at_reference(self) -> list[tuple[CheckResult, set[str], set[str]]]:
        package, found = self._manifest.path("reference"), list[tuple[CheckResult, set[str], set[str]]]()
        with self._running(package) as plugin:
            for item in self._items:
                running = item.stash[RUNNING].copy()
                with _tracing(package.resolve()) as names:
                    _judge(plugin, item, running)
                called = list_called_by_reference(plugin.context, running) if self._second_looks else set()
                found.append((running.check, names, called))
        return found

    @contextlib.contextmanager
    def _running(self, package: Path) -> Iterator[ChecksPlugin]:
        context = RunContext(self._manifest, package, ZygotePool(), in_process=True, keep=True)
        context.second_looks = self._second_looks
        context.foundations.update(self._foundations)
        with contextlib.closing(context), warnings.catch_warnings(action="ignore"):
            yield ChecksPlugin(context, lambda check: None)


def require_passed(refusal: str, checks: Iterable[CheckResult]) -> None:
    """Raise CourseError with a refusal that names the first of these checks that the reference does not pass."""
    for check in checks:
        if check.outcome is not Outcome.PASSED:
            raise CourseError(
                f"{refusal}, since {check.id} does not pass with the reference ({check.outcome}: "
                f"{check.message or check.detail}); fix one of them first"
            )


def _parameters(item: pytest.Function) -> dict[str, Any]:
    return item.callspec.params if hasattr(item, "callspec") else {}


def _judge(plugin: ChecksPlugin, item: pytest.Function, running: RunningCheck) -> None:
    """Run one check as pytest would, and have what it raises judged."""
    context, when = plugin.context, "setup"
    plugin.choose_seed(running)
    seed = derive(running.seed, "worker")
    try:
        reference = context.get_reference_worker(running.libraries, seed)
        running.worker = context.get_student_worker(running.libraries, seed)
        running.arguments = {name: _parameters(item).get(name) for name in item._fixtureinfo.argnames}
        running.arguments = renew(running, reference=reference.root())
        when = "call"
        plugin.run(running)
    except RAISED as error:
        plugin.judge.blame(running, error, when)
    else:
        plugin.judge.accept(running)
    if running.worker is not None and running.worker.alive:
        context.spares[running.libraries].append(running.worker)


@contextlib.contextmanager
def _tracing(package: Path) -> Iterator[set[str]]:
    """Collect the dotted names of the package's functions that are called."""
    found: set[str] = set()
    places: dict[str, str] = {}

    def look(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if code.co_filename not in places:
            file = Path(code.co_filename)
            inside = file.is_relative_to(package)
            places[code.co_filename] = ".".join(file.relative_to(package).with_suffix("").parts) if inside else ""
        if event == "call" and places[code.co_filename]:
            found.add(f"{places[code.co_filename]}.{code.co_qualname}")

    sys.setprofile(look)
    try:
        yield found
    finally:
        sys.setprofile(None)


def call_in_fork(work: Callable[[], Answer], kind: type[Answer]) -> Answer | None:
    """Return what the work returns in a fork; None where the fork died or took too long."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _prepare_child()
            answer = msgspec.msgpack.encode(work())  # JSON has no NaN
            with open(writing, "wb") as out:
                out.write(answer)
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    with open(reading, "rb") as answers:
        answer = answers.read()
    _, status = os.waitpid(child, 0)
    return msgspec.msgpack.decode(answer, type=kind) if status == 0 else None


def _prepare_child() -> None:
    """End what loops or waits, and let nothing of it be seen or written."""
    for number in (signal.SIGALRM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.alarm(FORK_SECONDS)
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (FORK_CPU_SECONDS, FORK_CPU_SECONDS))
    sys.dont_write_bytecode = True
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(silent, stream)
