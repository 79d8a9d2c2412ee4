"""The pytest plugin: fixtures that hand a check its student, reference and draws; finished checks go to a collector."""

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..manifest import Manifest, ManifestError, Question, exact, plain
from ..record import Check
from ..sandbox.client import StudentError, Worker
from ..sandbox.remote import Package
from ..sandbox.zygotes import SandboxError
from . import timing, verdict
from .context import Grading, OutOfTime, derive
from .expect import Mismatch
from .marker import worth

PLUGIN = pytest.StashKey["ChecksPlugin"]()
STATE = pytest.StashKey["State"]()


class State:
    """What one check's run leaves behind for its verdict."""

    def __init__(self, check: Check, judged: tuple[str, ...], libraries: tuple[str, ...], timing: bool) -> None:
        self.check, self.judged, self.libraries, self.timing = check, judged, libraries, timing
        self.worker: Worker | None = None
        self.seed = 0


class ChecksPlugin:
    """Runs checks with one seed and hands each finished Check to `collect`; other tests pass by untouched."""

    def __init__(self, grading: Grading, seed: int | str, collect: Callable[[Check], None], **choice: Any) -> None:
        self.grading, self.seed, self.collect = grading, seed, collect
        self.questions: list[Question] = choice.get("questions", [])
        self.secret: bool = choice.get("secret", False)
        self.timing: bool = choice.get("timing", True) and timing.available()
        self.skip: set[str] = choice.get("skip", set())
        self.problem = ""
        self.failure: SandboxError | None = None
        self.modules: set[str] = set()

    def pytest_configure(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "points(value, *functions, timing=False): worth and judged functions")
        config.stash[PLUGIN] = self

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.problem:
            self.problem = f"{report.nodeid}: the checks cannot be loaded; mend this first:\n{report.longreprtext}"

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        folders = {self.grading.manifest.path("public"), self.grading.manifest.path("hidden")}
        checks = [item for item in items if folders & set(Path(item.path).parents)]
        try:
            for item in checks:
                item.stash[STATE] = describe(item, self.grading.manifest)
            if not config.option.keyword and not self.problem:
                check_points([item.stash[STATE] for item in checks], self.questions, self.grading.manifest)
        except ManifestError as error:
            self.problem = self.problem or str(error)
            checks, items[:] = [], []
        items[:] = [item for item in items if item not in checks or self._wanted(item.stash[STATE])]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Starts what the chosen checks need, all at once, so that slow libraries load while quick checks run."""
        for libraries in dict.fromkeys(item.stash[STATE].libraries for item in session.items if STATE in item.stash):
            self.grading.zygotes.get(libraries)

    def _wanted(self, state: State) -> bool:
        return state.check.id not in self.skip and (self.timing or not state.timing)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        started = time.monotonic()
        result = yield
        state = item.stash.get(STATE, None)
        if state is not None:
            state.check.seconds = round(time.monotonic() - started, 4)
            if state.worker is not None:
                self.modules = state.worker.modules
                self.grading.release(state.worker, state.libraries)
                state.check.output = state.worker.output.text.decode(errors="replace")
            self.collect(state.check)
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo) -> pytest.TestReport | None:
        """Judges what was raised; pytest's own report, with a rendered traceback, is only made for other tests."""
        state = item.stash.get(STATE, None)
        if state is None:
            return None
        if call.excinfo is not None and isinstance(call.excinfo.value, SandboxError):
            self.failure, item.session.shouldstop = call.excinfo.value, "the sandbox failed"
        elif call.excinfo is not None and call.when in ("setup", "call"):
            self._write(state, self._judge(item, state, call.excinfo.value))
        elif call.when == "call":
            state.check.outcome, state.check.score, state.check.message = "passed", state.check.points, ""
        outcome = "failed" if call.excinfo else "passed"
        message = state.check.message if call.excinfo else None
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, message, call.when)

    def _write(self, state: State, found: verdict.Verdict) -> None:
        check = state.check
        check.outcome, check.error, check.allowed, check.detail = (
            found.outcome,
            found.error,
            found.allowed,
            found.detail,
        )
        check.message = found.brief if self.secret or check.visibility == "hidden" else found.message
        check.cpu_ratio = found.error if state.timing else None
        check.score = check.points if found.outcome == "grader_error" else 0

    def _judge(self, item: pytest.Item, state: State, error: BaseException) -> verdict.Verdict:
        if isinstance(error, Mismatch):
            return verdict.of_mismatch(error, self._inputs(state))
        if isinstance(error, StudentError) and not error.trusted:
            self.grading.note(error)
            return verdict.of_student_error(error, state.judged, self.grading.memory)
        if isinstance(error, OutOfTime):
            return verdict.Verdict("timeout", "not run: the time of the whole run was used up by earlier checks")
        if state.worker is not None and self._passes_with_reference(item, state):
            return verdict.of_unusable_answer(error, state.worker.called())
        return verdict.of_grader_error(error)

    def _passes_with_reference(self, item: pytest.Item, state: State) -> bool:
        """Whether the same check passes with the reference in the student's place, so that the answer is to blame."""
        worker = self.grading.reference_twin(state.libraries, derive(state.seed, "worker"))
        fresh = {"student": worker.root(), "rng": np.random.RandomState(state.seed)}
        try:
            self.grading.reference_worker(state.libraries, derive(state.seed, "worker"))
            item.function(**{name: fresh.get(name, item.funcargs[name]) for name in item._fixtureinfo.argnames})
            return True
        except (Exception, pytest.fail.Exception, pytest.skip.Exception):
            return False
        finally:
            worker.kill()

    def _inputs(self, state: State) -> str:
        call = state.worker.last_call if state.worker else None
        names = state.worker.parameters(call.function) if call else []
        return verdict.inputs_of(call, names, "a secret seed" if self.secret else f"seed {self.seed}")


def describe(item: pytest.Item, manifest: Manifest) -> State:
    """The check of a collected item; raises ManifestError naming the file and what its marker lacks."""
    file = Path(item.path)
    mark = worth(item)
    question = next((q for q in manifest.questions if q.file == file.name), None)
    if question is None:
        raise ManifestError(f"{file}: no question of the manifest has a file of that name; rename one of them")
    if mark is None:
        raise ManifestError(f"{file}: {item.name} has no @points(value, function); add it")
    for name in mark.functions:
        if name not in manifest.functions():
            raise ManifestError(f"{file}: {item.name} judges {name}, which no question lists; mend one of them")
    hidden = manifest.path("hidden") in file.parents
    check = Check(
        id=f"{'hidden/' if hidden else ''}{file.stem.removeprefix('test_')}/{item.name.removeprefix('test_')}",
        title=_title(item),
        function=", ".join(mark.functions),
        question=question.id,
        visibility="hidden" if hidden else "public",
        points=mark.points,
        score=0,
        outcome="grader_error",
        message="the check did not run",
    )
    return State(check, mark.functions, tuple(question.libraries), mark.timing)


def _title(item: pytest.Item) -> str:
    text = (item.function.__doc__ or item.name).strip().splitlines()[0]
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    try:
        return text.format(**parameters) if parameters else text
    except (LookupError, ValueError):
        names = ", ".join(parameters)
        raise ManifestError(
            f"{item.path}: the docstring of {item.name} may name {names} in braces, nothing else"
        ) from None


def check_points(states: list[State], questions: list[Question], manifest: Manifest) -> None:
    """Compares the markers' points with the manifest, question by question; raises ManifestError on a difference."""
    folders = [visibility for visibility in ("public", "hidden") if manifest.path(visibility).is_dir()]
    for question in questions:
        for visibility in folders:
            checks = [s.check for s in states if (s.check.question, s.check.visibility) == (question.id, visibility)]
            found = sum((exact(check.points) for check in checks), Fraction(0))
            declared = exact(getattr(question, f"{visibility}_points"))
            if found != declared:
                raise ManifestError(
                    f"questions {question.id}.{visibility}_points: the {visibility} checks add up to {plain(found)}, "
                    f"not {plain(declared)}; mend the checks' points or this key"
                )


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


@pytest.fixture
def race(request: pytest.FixtureRequest, check_state: State, student: Package) -> Callable[..., None]:
    """Judges speed: `race(prepare, at_most=12)` with the reference, `race(prepare, rival, at_most=1.5)` in one package.

    `prepare(package, rng)` returns the function to time and its arguments; it is called afresh for each pair. Where
    `once(package, rng)` is given, it is called before the first, and `prepare` gets what it returned as third argument.
    Their answers have to agree; `verify=False` where the check itself judges the answer of the one it is about.
    """
    grading, seed = request.config.stash[PLUGIN].grading, derive(check_state.seed, "worker")

    def judge(
        prepare: timing.Prepare,
        rival: timing.Prepare | None = None,
        *,
        at_most: float,
        once: timing.Once | None = None,
        verify: bool = True,
    ) -> None:
        against_self = rival is not None
        if against_self:
            opponent = grading.student_worker(check_state.libraries, seed)
        else:
            opponent = grading.reference_twin(check_state.libraries, seed)
        request.addfinalizer(opponent.kill)
        sides = timing.Side(check_state.worker, prepare, once), timing.Side(opponent, rival or prepare, once)
        contest = timing.Race(*sides, lambda number: derive(check_state.seed, f"pair {number}"), verify)
        name = "your own other function" if against_self else "the reference"
        check_state.check.cpu_ratio = round(timing.judge(contest, at_most, name), 3)

    return judge
