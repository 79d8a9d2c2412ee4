"""Tries a finished zip as the grader will, in workers of the sandbox: imports its modules, and what has a budget."""

import contextlib
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..checks.context import Grading
from ..course.manifest import Manifest
from ..course.schema import Budget
from ..errors import CourseError, SandboxError, StudentError, StudentRaised, SubmissionError
from ..grading import run
from ..results.outcome import Outcome
from ..results.record import Check
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.zygote_pool import ZygotePool
from ..submission.unpack import unpack
from . import modules
from .findings import Finding, error

NOT_TRIED = "checks-that-are-not-tried"  # hidden ones, where there are any
MUCH = 0.5  # of a budget: a grader's machine may well be half as fast as a student's


def imports(manifest: Manifest, archive: Path, zygotes: ZygotePool | None = None) -> list[Finding]:
    """Unpacks a zip and imports every judged module with each set of libraries it is judged with."""
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chainrule-")))
        work.chmod(0o755)
        try:
            package = unpack(archive, manifest, work).package
        except SubmissionError as problem:
            return [error(archive.name, str(problem))]
        zygotes = zygotes or stack.enter_context(contextlib.closing(ZygotePool()))
        grading = stack.enter_context(contextlib.closing(Grading(manifest, package, zygotes, keep=True)))
        found: dict[str, Finding] = {}
        for libraries, files in _groups(manifest, package).items():
            for file in files:
                _import(grading, libraries, file, found)
        return [found[file] for file in sorted(found)]


@dataclass(frozen=True)
class Tried:
    """What a trial of a budget came to, for the one who hands in; figures differ a little each time."""

    sentence: str
    fine: bool


def budgets(manifest: Manifest, archive: Path) -> list[Tried]:
    """Runs the public checks that measure a budget on what is in a zip.

    Nothing is said where none can be tried: on a system without a worker's clock, or before everything is written.
    """
    if not manifest.budgets:
        return []
    with tempfile.TemporaryDirectory(prefix="chainrule-") as work:
        Path(work).chmod(0o755)
        try:
            package = unpack(archive, manifest, Path(work)).package
        except SubmissionError:
            return []
        checks = [(budget, check) for budget in manifest.budgets for check in _measured(manifest, package, budget)]
        return [tried for budget, check in checks if (tried := _spent(check, budget, package.name))]


def _measured(manifest: Manifest, package: Path, budget: Budget) -> list[Check]:
    """The public checks of a budget's function; none where checks cannot be run here."""
    public = msgspec.structs.replace(manifest, paths=msgspec.structs.replace(manifest.paths, hidden=NOT_TRIED))
    question = manifest.functions()[budget.function]
    selection = run.Selection([question.id], functions=[budget.function], timing=False)
    try:
        return run.grade(public, package, selection).checks
    except (CourseError, SandboxError):
        return []


def _spent(check: Check, budget: Budget, package: str) -> Tried | None:
    """What a check has to say of a budget; None of one that measured nothing."""
    name = f"{package}/{budget.file}" if budget.file else budget.function
    if check.outcome.by_own_code:
        return Tried(f"{name}: {check.message}", fine=False)
    if check.outcome is not Outcome.PASSED or check.spending is None or check.spending.name != budget.name:
        return None
    needs = f"needs about {check.spending.cpu_seconds:.2g} of the {budget.cpu_seconds:g} CPU seconds it may use"
    if check.spending.cpu_seconds <= MUCH * budget.cpu_seconds:
        return Tried(f"{name}: {needs}", fine=True)
    return Tried(f"{name}: {needs}; a slower machine may find that too much, so make it smaller", fine=False)


def _groups(manifest: Manifest, package: Path) -> dict[tuple[str, ...], list[str]]:
    """The judged modules that are there, by the libraries of their questions."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for file, questions in modules.judged(manifest, package).items():
        for libraries in dict.fromkeys(tuple(question.libraries) for question in questions):
            groups[libraries].append(file)
    return groups


def _import(grading: Grading, libraries: tuple[str, ...], file: str, found: dict[str, Finding]) -> None:
    name = f"{grading.student.name}/{file}"
    worker = None
    try:
        worker = grading.student_worker(libraries, 0)
        _ask(worker, file.removesuffix(".py").split("/"))
    except StudentError as problem:
        found.setdefault(name, error(name, f"cannot be imported: {_reason(problem)}; mend it"))
    finally:
        if worker is not None:
            grading.release(worker, libraries)


def _ask(worker: WorkerClient, parts: list[str]) -> None:
    """Asks for a module by name; it is imported then."""
    for depth, part in enumerate(parts):
        owner = ".".join(parts[:depth]) or None
        worker.request("get", ".".join(parts), target=owner, how="attribute", key=part)


def _reason(problem: StudentError) -> str:
    where = problem.frames[-1] if problem.frames else None
    place = f" ({where.file}, line {where.line})" if where else ""
    kind = f"{problem.kind}: " if isinstance(problem, StudentRaised) else ""
    return f"{kind}{problem.sentence}{place}"
