"""The pytest plugin: it gives checks their fixtures, runs each with every seed, and has it judged.

Named in a `conftest.py`, it lets plain `pytest tests/public/...`, and an IDE's test buttons, run checks.
"""

import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..course import manifest as manifests
from ..errors import NotScored, OutOfTime, SandboxError, Unrecorded, WorkerRaised, WorkerTimeout
from ..results.record import CheckResult, Outcome
from ..sandbox.parent.proxy import Package
from ..sandbox.parent.zygote_pool import ZygotePool
from . import messages, wording
from .bookkeeping import trace_answers
from .choice import Selection
from .collect import RAISED, RUNNING, Bound, CheckCollector, RunningCheck
from .context import SECRET_SEED_BYTES, RunContext, derive, make_rng
from .expect import Mismatch
from .follow_through import look_below, may_be_named, renew
from .judge import Judge
from .misconceptions import find_evidence
from .own_forward import look_at_gradient
from .scales import Budgets, Scales
from .timing import Contest, can_measure

FINAL = (SandboxError, OutOfTime, WorkerTimeout, NotScored, Unrecorded)  # the same in a fresh worker, as a stub is


class ChecksPlugin:
    """Runs checks and hands each finished one to `collect`, and all of them before to `expect`; other tests pass by.

    A check that passes with the public seed goes on to the secret ones; a check of speed, which draws anew for each
    pair, does not. The run ends after one at which it `stops`.
    """

    def __init__(
        self,
        context: RunContext,
        collect: Callable[[CheckResult], None],
        expect: Callable[[list[CheckResult]], None] = lambda checks: None,
        stops: Callable[[CheckResult], bool] = lambda check: False,
    ) -> None:
        self.context, self.collect, self._expect, self._stops = context, collect, expect, stops
        self.judge = Judge(context)
        self.ran: list[RunningCheck] = []
        self.failure: SandboxError | None = None

    @property
    def tried(self) -> list[RunningCheck]:
        """Return the checks that ran on published inputs and measure nothing: only these may name a misconception."""
        published = (one for one in self.ran if not one.timing and one.check.visibility == "public")
        return [one for one in published if not any(isinstance(value, Bound) for value in one.arguments.values())]

    @pytest.fixture
    def running(self, request: pytest.FixtureRequest) -> RunningCheck:
        """Return the running check, with a seed of its own."""
        check: RunningCheck = request.node.stash[RUNNING]
        self.choose_seed(check)
        return check

    @pytest.fixture
    def rng(self, running: RunningCheck) -> np.random.RandomState:
        """Return the check's own frozen stream of draws."""
        return make_rng(running.seed)

    @pytest.fixture
    def student(self, running: RunningCheck) -> Package:
        """Return the judged package, in the worker of this check."""
        seed = derive(running.seed, "worker")
        running.worker = self.context.get_student_worker(running.libraries, seed, self.context.modules_in_use)
        return running.worker.root()

    @pytest.fixture
    def reference(self, running: RunningCheck) -> Package:
        """Return the reference package, with its generators seeded like the student's."""
        return self.context.get_reference_worker(running.libraries, derive(running.seed, "worker")).root()

    @pytest.fixture
    def scale(self, running: RunningCheck) -> Scales:
        """Return the check's scales."""
        return Scales(self.context, running)

    @pytest.fixture
    def budget(self, running: RunningCheck) -> Budgets:
        """Return the check's budgets."""
        return Budgets(self.context, running)

    @pytest.fixture
    def race(self, running: RunningCheck, student: Package) -> Contest:
        """Return what judges the check's speed."""
        return Contest(self.context, running)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Start what the chosen checks need, all at once, so that slow libraries load while quick checks run."""
        chosen = [item.stash[RUNNING] for item in session.items if RUNNING in item.stash]
        self._expect([running.check for running in chosen])
        for libraries in dict.fromkeys(running.libraries for running in chosen):
            self.context.zygotes.get(libraries)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Prepare the run for a check, and hand on the check once it is judged."""
        running = item.stash.get(RUNNING, None)
        if running is None:
            return (yield)
        context, started = self.context, time.monotonic()
        if running.timing and context.recorded_answers:
            context.scores.leave_out(running.check)
        context.racing = False
        if running.timing:
            context.clear_for_race()
        result = yield
        running.check.seconds = round(time.monotonic() - started, 4)
        if running.worker is not None:
            context.modules_in_use = running.worker.modules
            context.release(running.worker, running.libraries)
            running.check.output = running.worker.take_output()
            running.worker.forget_calls()  # or the answers of all checks would be held to the end of the run
        context.scores.add(running.check)
        self.collect(running.check)
        if self._stops(running.check):
            item.session.shouldfail = "it was to stop here"
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run a check in the place of pytest."""
        running = pyfuncitem.stash.get(RUNNING, None)
        if running is None:
            return None
        running.arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
        self.run(running)
        return True

    def choose_seed(self, running: RunningCheck) -> None:
        """Give a check a seed of its own from the run's seed and its name.

        One of speed runs only once, so its seed is secret where one is: else answers could be made ready beforehand.
        """
        secrets = self.context.secret_seeds if running.timing else ()
        running.seed = derive(self.context.public_seed, running.check.id)
        if secrets:
            running.seed, running.unpublished = derive(secrets[0], running.check.id, size=SECRET_SEED_BYTES), True

    def accept_untried(self, running: RunningCheck) -> None:
        """Take a check as passed that would not call what differs from the reference."""
        running.right_in_public = True
        self.ran.append(running)
        self.judge.accept(running)

    def run(self, running: RunningCheck) -> None:
        """Run a check with the public seed, then, in the same workers told to start over, with each secret one."""
        context = self.context
        self.ran.append(running)
        self._run(running, running.arguments)
        running.right_in_public = True
        for seed in () if running.once else context.secret_seeds:
            context.timeouts.require_time()
            running.secret, running.seed = True, derive(seed, running.check.id, size=SECRET_SEED_BYTES)
            reference = context.references.get(running.libraries) if "reference" in running.arguments else None
            for worker in filter(None, [running.worker, reference]):
                worker.reset(derive(running.seed, "worker"))
            self._run(running, renew(running))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Function, call: pytest.CallInfo[None]) -> pytest.TestReport | None:
        """Have what was raised judged; pytest's own report, with a rendered traceback, is for other tests only."""
        running = item.stash.get(RUNNING, None)
        if running is None:
            return None
        if call.excinfo is not None and call.when in ("setup", "call"):
            try:
                self.judge.blame(running, call.excinfo.value, call.when)
            except SandboxError as failure:
                self.failure, item.session.shouldstop = failure, "the sandbox failed"
            except Exception as fault:
                self.judge.hold(running, fault)
            if not item.config.getoption("usepdb", False):  # whose prompt comes after this
                traceback.clear_frames(call.excinfo.tb)  # their answers would wait for a collection of garbage
        elif call.when == "call":
            self.judge.accept(running)
        return _report(item, running, call)

    def pytest_sessionfinish(self) -> None:
        """Have the checks that hang on others judged, now that all have run."""
        self.judge.settle_open_cases()

    def _run(self, running: RunningCheck, arguments: dict[str, Any]) -> None:
        """Run a check's body once; an answer that is right given right functions is not wrong.

        What fails in a worker that an earlier check has had is run again in a fresh one, and only that counts.
        """
        try:
            with trace_answers() as trace:
                running.body(**arguments)
        except RAISED as error:
            is_final = isinstance(error, FINAL) or (isinstance(error, WorkerRaised) and error.put_off)
            if running.worker is not None and running.worker.used and not is_final:
                running.worker.kill()
                context, seed = self.context, derive(running.seed, "worker")
                modules = context.modules_in_use
                running.worker = context.get_student_worker(running.libraries, seed, modules, fresh=True)
                context.get_reference_worker(running.libraries, seed)  # in the state it begins with
                self._run(running, renew(running))
                return
            if may_be_named(running):
                call = running.worker.last_call if running.worker is not None else None
                running.evidence = find_evidence(trace, error, running.check.id, call)
            if not isinstance(error, Mismatch):
                raise
            error.inputs = self._describe_inputs(running)
            running.remark = look_below(self.context, running) or look_at_gradient(self.context, running, error)
            if not running.remark:
                raise

    def _describe_inputs(self, running: RunningCheck) -> str:
        """Return the shapes and the seed of the last call's inputs."""
        is_secret = running.secret or running.unpublished
        seed = messages.SECRET_SEED if is_secret else messages.SEED.format(self.context.public_seed)
        call = running.worker.last_call if running.worker else None
        if running.worker is None or call is None:
            return seed
        return wording.describe_inputs(call, running.worker.parameters(call.function), seed)


def _report(item: pytest.Function, running: RunningCheck, call: pytest.CallInfo[None]) -> pytest.TestReport:
    """Return what pytest and an IDE show of a check."""
    when = "call" if call.when == "collect" else call.when
    place, message = (item.nodeid, item.location), running.check.message
    if call.excinfo is None:
        return pytest.TestReport(*place, {}, "passed", None, when)
    if running.check.outcome is Outcome.NOT_SCORED:
        return pytest.TestReport(*place, {}, "skipped", (str(item.path), item.location[1] or 0, message), when)
    return pytest.TestReport(*place, {}, "failed", message, when)


def pytest_configure(config: pytest.Config) -> None:
    """Register the checks' plugin for the manifest found from pytest's root folder."""
    manifest = manifests.load_manifest(manifests.find_manifest(Path(config.rootpath)))
    context = RunContext(manifest, manifest.path("student"), ZygotePool())
    checks = ChecksPlugin(context, lambda check: None)
    config.pluginmanager.register(CheckCollector(manifest, Selection(timing=can_measure())), "chainrule-collector")
    config.pluginmanager.register(checks, "chainrule-checks")
    config.add_cleanup(context.zygotes.close)
    config.add_cleanup(context.close)
