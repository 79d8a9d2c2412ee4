"""The pytest plugin: it collects checks, runs each with every seed, judges what they raise and hands on the results."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ..course.manifest import Question
from ..errors import CourseError, NotScored, OutOfTime, SandboxError, StudentError, StudentTimeout, Unrecorded
from ..results.outcome import Outcome
from ..results.record import Check
from . import follow_through, own_forward, timing, verdict
from .blame import Case, at_fault, decide, depends_on_others, is_unforeseen
from .collect import STATE, State, check_points, describe, loading_problem
from .context import Grading, derive
from .control import reference_is_judged
from .expect import Mismatch
from .marker import MARKER
from .second_look import afresh, arguments_of

PLUGIN = pytest.StashKey["ChecksPlugin"]()
FINAL = (SandboxError, OutOfTime, StudentTimeout, NotScored, Unrecorded)


class ChecksPlugin:
    """Runs checks and hands each finished one to `collect`; other tests pass by.

    A check that passes with the public seed goes on to the secret ones; a check of speed, which draws afresh for each
    pair, does not.
    """

    def __init__(
        self,
        grading: Grading,
        seed: int,
        collect: Callable[[Check], None],
        questions: list[Question],
        secret_seeds: Sequence[str] = (),
        with_timing: bool = True,
        verify_points: bool = True,
        functions: Sequence[str] = (),
    ) -> None:
        self.grading, self.seed, self.collect, self.secret_seeds = grading, seed, collect, secret_seeds
        self._questions, self._verify_points, self._functions = questions, verify_points, set(functions)
        self._timing = with_timing and (timing.available() or not grading.races)
        self.problem = ""
        self.failure: SandboxError | None = None
        self.modules: set[str] = set()
        self._raised: list[tuple[State, BaseException, Case]] = []

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", MARKER)
        config.stash[PLUGIN] = self

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.problem = self.problem or loading_problem(report)

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        folders = {self.grading.manifest.path("public"), self.grading.manifest.path("hidden")}
        checks = [item for item in items if folders & set(Path(item.path).parents)]
        try:
            for item in checks:
                item.stash[STATE] = describe(item, self.grading.manifest)
            if self._verify_points and not self.problem:
                check_points([item.stash[STATE] for item in checks], self._questions, self.grading.manifest)
        except CourseError as error:
            self.problem = self.problem or str(error)
            checks, items[:] = [], []
        unwanted = {item for item in checks if not self._wants(item.stash[STATE])}
        items[:] = [item for item in items if item not in unwanted]

    def _wants(self, state: State) -> bool:
        """Whether a check was chosen: by what it judges, and by whether it is about speed."""
        chosen = not self._functions or not self._functions.isdisjoint(state.judged)
        return chosen and (self._timing or not state.timing)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Starts what the chosen checks need, all at once, so that slow libraries load while quick checks run."""
        for libraries in dict.fromkeys(item.stash[STATE].libraries for item in session.items if STATE in item.stash):
            self.grading.zygotes.get(libraries)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        started, state = time.monotonic(), item.stash.get(STATE, None)
        if state is not None and state.timing and self.grading.recording:
            self.grading.tally.leave_out(state.check)
        self.grading.racing = False
        if state is not None and state.timing:
            self.grading.clear_for_race()
        result = yield
        if state is not None:
            state.check.seconds = round(time.monotonic() - started, 4)
            if state.worker is not None:
                self.modules = state.worker.modules
                self.grading.release(state.worker, state.libraries)
                state.check.output = state.worker.take_output()
            self.grading.tally.count(state.check)
            self.collect(state.check)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Runs a check with the public seed, then, in the same workers told to start over, with each secret one."""
        state = pyfuncitem.stash.get(STATE, None)
        if state is None:
            return None
        arguments = arguments_of(pyfuncitem)
        self._run(pyfuncitem, state, arguments)
        for seed in () if state.once else self.secret_seeds:
            self.grading.patience.check()
            state.secret, state.seed = True, derive(seed, state.check.id)
            for worker in filter(None, [state.worker, self.grading.references.get(state.libraries)]):
                worker.reset(derive(state.seed, "worker"))
            self._run(pyfuncitem, state, afresh(arguments, state))
        return True

    def race_seed(self, state: State) -> int:
        """The seed of a race's draws: secret where one is, or answers could be made ready before the clock runs."""
        return derive(self.secret_seeds[0], state.check.id, "race") if self.secret_seeds else state.seed

    def _run(self, item: pytest.Function, state: State, arguments: dict[str, Any]) -> None:
        """Runs a check's body once; an answer that is right given right functions is not wrong.

        What fails in a worker that an earlier check has had is run again in a fresh one, and only that counts.
        """
        try:
            item.obj(**arguments)
        except Exception as error:
            if state.worker is not None and state.worker.used and not _final(error):
                self._renew(state)
                self._run(item, state, afresh(arguments, state))
                return
            if not isinstance(error, Mismatch):
                raise
            error.inputs = self._inputs(state)
            if not self._right_after_all(item, state, error):
                raise

    def _right_after_all(self, item: pytest.Function, state: State, mismatch: Mismatch) -> bool:
        """Whether a second look finds a wrong answer right; what it came to is the check's remark or the mismatch's."""
        for look in (follow_through.look, own_forward.look):
            found = look(self.grading, item, state, mismatch)
            if found.right:
                state.remark = found.sentence
                return True
            mismatch.notes.append(found.sentence)
        return False

    def _renew(self, state: State) -> None:
        """Gives a check a fresh worker of the student's, and the reference's in the state it begins with."""
        seed = derive(state.seed, "worker")
        state.worker.dismiss()
        state.worker = self.grading.student_worker(state.libraries, seed, self.modules, fresh=True)
        self.grading.reference_worker(state.libraries, seed)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> pytest.TestReport | None:
        """Judges what was raised; pytest's own report, with a rendered traceback, is only made for other tests."""
        state = item.stash.get(STATE, None)
        if state is None:
            return None
        if call.excinfo is not None and call.when in ("setup", "call"):
            try:
                self._blame(item, state, call.excinfo.value, call.when)
            except SandboxError as failure:
                self.failure, item.session.shouldstop = failure, "the sandbox failed"
        elif call.when == "call":
            check = state.check
            check.outcome, check.score, check.message, check.detail = Outcome.PASSED, check.points, "", state.remark
        outcome = "failed" if call.excinfo else "passed"
        if call.excinfo is not None and state.check.outcome is Outcome.NOT_SCORED:
            return pytest.TestReport(item.nodeid, item.location, {}, "skipped", _skipped(item, state), call.when)
        message = state.check.message if call.excinfo else None
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, message, call.when)

    def _write(self, state: State, found: verdict.Verdict) -> None:
        check = state.check
        check.outcome, check.run, check.detail = found.outcome, found.run, found.detail
        check.error, check.allowed = found.error, found.allowed
        inputs_are_secret = state.secret or state.unpublished or check.visibility == "hidden"
        check.message = found.brief if inputs_are_secret else found.message
        if state.secret and found.run and found.outcome is not Outcome.GRADER_ERROR:
            check.message = f"right on the published inputs, wrong on others: {check.message}"
        check.score, check.held = found.earned, 0
        if found.outcome is Outcome.GRADER_ERROR:
            check.held, check.standing = check.points, None
        if found.outcome is Outcome.NOT_SCORED:
            self.grading.tally.leave_out(check)

    def _blame(self, item: pytest.Function, state: State, error: BaseException, when: str) -> None:
        """Finds out who is to blame for what was raised, writes it down and remembers it.

        Raises SandboxError, since what the sandbox cannot do has nothing to do with this check.
        """
        if isinstance(error, SandboxError):
            raise error
        if isinstance(error, StudentError) and not error.trusted:
            self.grading.patience.note(error)
        case = self._case(state)
        if when == "call":
            try:
                case = self._with_evidence(item, state, error, case)
            except OutOfTime as end:
                error = end
        self._settle(state, error, case)
        if depends_on_others(error, case):
            self._raised.append((state, error, case))

    def _case(self, state: State) -> Case:
        called, asked = (state.worker.called(), state.worker.asked()) if state.worker else ("", "")
        return Case(state.judged, self.grading.memory, self.grading.tally.mostly_right, called, asked)

    def _with_evidence(self, item: pytest.Function, state: State, error: BaseException, case: Case) -> Case:
        """Runs the check with the reference where only that tells who is to blame; raises OutOfTime, SandboxError."""
        if state.worker is not None and is_unforeseen(error):
            return replace(case, reference_is_judged=reference_is_judged(self.grading, item, state))
        if depends_on_others(error, case):
            return replace(case, needed_is_at_fault=follow_through.needed_is_at_fault(self.grading, item, state))
        return case

    def _settle(self, state: State, error: BaseException, case: Case) -> None:
        """Writes the verdict on an error, as far as is known now, and remembers which functions are at fault."""
        found = decide(error, case)
        self.grading.memory.broken.update(at_fault(error, found, state.judged))
        self._write(state, found)

    def pytest_sessionfinish(self) -> None:
        """Decides again what was raised, now that each function has been judged: no verdict hangs on their order."""
        for state, error, case in self._raised:
            self._settle(state, error, case)

    def _inputs(self, state: State) -> str:
        call = state.worker.last_call if state.worker else None
        names = state.worker.parameters(call.function) if call else []
        return verdict.inputs_of(call, names, "a secret seed" if state.secret else f"seed {self.seed}")


def _skipped(item: pytest.Item, state: State) -> tuple[str, int, str]:
    """What pytest shows of a check that is not scored."""
    return str(item.path), item.location[1] or 0, state.check.message


def _final(error: Exception) -> bool:
    """Whether a failure would be the same in a fresh worker: that of a stub, of a hang, or of the grader."""
    return isinstance(error, FINAL) or (isinstance(error, StudentError) and error.kind == "NotImplementedError")
