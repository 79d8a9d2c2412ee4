"""A check as pytest collects it: its marker `points`, its record and the functions it judges; how pytest is run."""

import copy
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest

from ..course.manifest import Manifest, Question, to_fraction, to_number
from ..course.schema import LeftOut
from ..errors import ChainruleError, CourseError
from ..files import advise
from ..results.record import CheckResult, Outcome
from ..sandbox.parent.client import WorkerClient
from . import messages
from .choice import Selection
from .context import RunContext
from .misconceptions import Evidence

MARKER = "points(value, *functions, timing=False, once=False, promise=''): worth and judged functions"
RUNNING = pytest.StashKey["RunningCheck"]()
RAISED = (Exception, pytest.fail.Exception, pytest.skip.Exception)  # by a check; those of pytest are no Exceptions
# the last two collect garbage, and look for exceptions that nobody here waits for
NOT_NEEDED = ("terminal", "cacheprovider", "logging", "faulthandler", "unraisableexception", "threadexception")
QUIET = ["--disable-plugin-autoload", "--assert=plain", "--import-mode=importlib", "--capture=no"]
QUIET += [part for name in NOT_NEEDED for part in ("-p", f"no:{name}")]


@dataclass(frozen=True)
class PointsMark:
    """A marker's content: points, the judged functions' dotted names, whether it is of speed, or runs with one seed.

    `promise` is of which kind the claim is, where only the stubs' own docstrings make it.
    """

    points: float
    functions: tuple[str, ...]
    timing: bool = False
    once: bool = False
    promise: str = ""


def points(
    value: float, *functions: str, timing: bool = False, once: bool = False, promise: str = ""
) -> pytest.MarkDecorator:
    """Mark a check: `@points(2, "shapes.area")`; `timing=True` if it is of speed, `once=True` if it draws nothing.

    A `promise`, such as "precision", says that only the stubs' own docstrings claim this; an edition may leave it out.
    """
    return pytest.mark.points(value, *functions, timing=timing, once=once, promise=promise)


class RunningCheck:
    """A check under way: what it judges, its body with what its fixtures made, its worker, and the present seed.

    Nobody may learn its inputs where the seed is `secret`, or `unpublished`, as in a check of speed. `remark`
    is what a second look found. What may tell a misconception is whether it is `right_in_public`, with the public seed,
    and else the `evidence` of that run and of one `given_right` functions below.
    """

    def __init__(
        self, check: CheckResult, mark: PointsMark, libraries: tuple[str, ...], body: Callable[..., None]
    ) -> None:
        self.check, self.judged, self.libraries, self.body = check, mark.functions, libraries, body
        self.arguments: dict[str, Any] = {}
        self.timing, self.once, self.promise = mark.timing, mark.once or mark.timing, mark.promise
        self.worker: WorkerClient | None = None
        self.seed, self.secret, self.unpublished = 0, False, False
        self.remark = ""
        self.right_in_public = False
        self.evidence: list[Evidence] = []
        self.given_right: list[Evidence] = []

    def copy(self) -> "RunningCheck":
        """Return the same check on another way: what is written to this one's record stays there."""
        other = copy.copy(self)
        other.check, other.evidence, other.given_right = msgspec.structs.replace(self.check), [], []
        return other

    @property
    def inputs_are_secret(self) -> bool:
        """Return whether a message may hold nothing that comes from the inputs."""
        return self.secret or self.unpublished or self.check.visibility == "hidden"


@dataclass(frozen=True)
class Bound:
    """The value of a fixture that writes into the check it was made for."""

    context: RunContext
    running: RunningCheck

    def rebind(self, running: RunningCheck) -> Self:
        """Return the same value, writing into another check."""
        return replace(self, running=running)


class CheckCollector:
    """A pytest plugin that describes the checks of some files and leaves the chosen ones; other tests pass by.

    Their points are compared with the manifest where `verified`, the questions whose files they are, is given. Those
    that an edition leaves out stand in `left_out`, each with the entry by which it does.
    """

    def __init__(
        self, manifest: Manifest, selection: Selection | None = None, verified: Sequence[Question] = ()
    ) -> None:
        self.manifest, self._selection, self._verified = manifest, selection or Selection(), verified
        self.problem: ChainruleError | None = None
        self.items: list[pytest.Function] = []
        self.left_out: list[tuple[CheckResult, LeftOut]] = []
        self.places: dict[str, int] = {}  # of checks in their files, by id

    def pytest_configure(self, config: pytest.Config) -> None:
        """Announce the marker."""
        config.addinivalue_line("markers", MARKER)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember the first file that cannot be loaded."""
        if report.failed and self.problem is None:
            self.problem = CourseError(
                f"{report.nodeid}: the checks cannot be loaded; fix this first:\n{report.longreprtext}"
            )

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Describe each check, and leave out those that were not chosen."""
        folders = {self.manifest.path("public"), self.manifest.path("hidden")}
        files = {file for file in {item.path for item in items} if folders & set(file.parents)}
        found = [item for item in items if isinstance(item, pytest.Function) and item.path in files]
        chosen: list[RunningCheck] = []
        try:
            for item in found:
                item.stash[RUNNING] = describe(item, self.manifest)
            described = [item.stash[RUNNING] for item in found]
            self.places = {running.check.id: place for place, running in enumerate(described)}
            if self.problem is None:
                check_points([running.check for running in described], self._verified, self.manifest)
                kept = [running for running in described if not self._leave_out(running)]
                ids = self._selection.select([running.check for running in kept], self.manifest)
                quick = [running for running in kept if self._selection.timing or not running.timing]
                chosen = [running for running in quick if running.check.id in ids]
        except ChainruleError as error:
            self.problem = error
        if self.problem is not None:
            items[:], chosen = [], []
        items[:] = [item for item in items if RUNNING not in item.stash or item.stash[RUNNING] in chosen]
        items.sort(key=lambda item: self._selection.rank(item.stash[RUNNING].check) if RUNNING in item.stash else 0)
        self.items = [item for item in items if isinstance(item, pytest.Function) and RUNNING in item.stash]

    def _leave_out(self, running: RunningCheck) -> bool:
        """Return whether an edition leaves out a check, and note it where it does."""
        edition = self.manifest.edition
        entry = edition.find_entry(running.judged, running.promise) if edition else None
        if entry is not None:
            self.left_out.append((running.check, entry))
        return entry is not None


def describe(item: pytest.Function, manifest: Manifest) -> RunningCheck:
    """Return the check of a collected item. Raise CourseError naming the file and what its marker lacks."""
    file = Path(item.path)
    mark = _read_mark(item)
    question = next((q for q in manifest.questions if q.file == file.name), None)
    if question is None:
        raise CourseError(f"{file}: no question of the manifest has a file of that name; rename one of them")
    if mark is None:
        raise CourseError(f"{file}: {item.name} has no @points(value, function); add it")
    for name in mark.functions:
        if name not in manifest.functions() and not (manifest.edition and manifest.edition.find_entry([name])):
            remedy = advise(name, manifest.functions(), "fix one of them")
            raise CourseError(f"{file}: {item.name} judges {name}, which no question lists; {remedy}")
    hidden = manifest.path("hidden") in file.parents
    check = CheckResult(
        id=f"{'hidden/' if hidden else ''}{file.stem.removeprefix('test_')}/{item.name.removeprefix('test_')}",
        title=_title(item),
        functions=list(mark.functions),
        question=question.id,
        visibility="hidden" if hidden else "public",
        points=mark.points,
        score=0,
        outcome=Outcome.GRADER_ERROR,
        message=messages.NEVER_RAN,
    )
    return RunningCheck(check, mark, tuple(question.libraries), item.obj)


def check_points(checks: list[CheckResult], questions: Sequence[Question], manifest: Manifest) -> None:
    """Compare the markers' points with the manifest, question by question. Raise CourseError on a difference."""
    folders = [visibility for visibility in ("public", "hidden") if manifest.path(visibility).is_dir()]
    for question in questions:
        for visibility in folders:
            own = [check for check in checks if (check.question, check.visibility) == (question.id, visibility)]
            found = sum((to_fraction(check.points) for check in own), Fraction(0))
            declared = to_fraction(getattr(question, f"{visibility}_points"))
            if found != declared:
                file = manifest.path(visibility) / question.file
                missing = f"there is no {file.relative_to(manifest.root).as_posix()}; write it, or fix the slug"
                wrong = f"the {visibility} checks add up to {to_number(found)}, not {to_number(declared)}"
                told = f"{wrong}; fix the checks' points or this key" if file.is_file() else missing
                raise CourseError(f"questions {question.id}.{visibility}_points: {told}")


def _read_mark(item: pytest.Item) -> PointsMark | None:
    """Return the marker of a collected check, None where it has none or one without points and a function."""
    mark = item.get_closest_marker("points")
    if mark is None or len(mark.args) < 2 or not isinstance(mark.args[0], (int, float)):
        return None
    return PointsMark(mark.args[0], mark.args[1:], **mark.kwargs)


def _title(item: pytest.Function) -> str:
    text: str = (item.function.__doc__ or item.name).strip().splitlines()[0]
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    try:
        return text.format(**parameters) if parameters else text
    except (LookupError, ValueError):
        names = ", ".join(parameters)
        raise CourseError(
            f"{item.path}: the docstring of {item.name} may name {names} in braces, nothing else"
        ) from None


def find_files(manifest: Manifest, questions: list[Question]) -> list[Path]:
    """Return the files of some questions' checks. Raise CourseError where there is none."""
    folders = [manifest.path("public"), manifest.path("hidden")]
    files = [folder / question.file for question in questions for folder in folders]
    found = [file for file in files if file.is_file()]
    if not found:
        raise CourseError(f"there are no checks in {folders[0]}; restore them")
    return found


def run_pytest(manifest: Manifest, files: list[Path], plugins: list[object], *options: str) -> int:
    """Run pytest on files of checks, without its own reporting, and return its exit status.

    All that was loaded from the checks' folders is unloaded afterwards: in the next run it may have changed, or be
    another course's of the same name.
    """
    places = ["-c", os.devnull, "--rootdir", str(manifest.root), f"--confcutdir={manifest.path('public').parent}"]
    folders, loaded = {manifest.path("public"), manifest.path("hidden")}, set(sys.modules)
    sys.path.insert(0, str(manifest.root))
    try:
        return pytest.main([*QUIET, *places, *options, *map(str, files)], plugins=plugins)
    finally:
        sys.path.remove(str(manifest.root))
        for name in set(sys.modules) - loaded:
            if not folders.isdisjoint(Path(getattr(sys.modules[name], "__file__", None) or os.devnull).parents):
                del sys.modules[name]
