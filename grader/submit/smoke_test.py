"""Try a finished zip as the grader will, in workers of the sandbox: import its modules, run what has a budget."""

import contextlib
import tempfile
from collections import defaultdict
from pathlib import Path

import msgspec

from ..checks.context import RunContext
from ..checks.wording import explain_error
from ..course.manifest import Manifest
from ..course.schema import Budget
from ..errors import CourseError, SandboxError, SubmissionError, WorkerError
from ..grading import run
from ..results.record import CheckResult, Outcome
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.zygote_pool import ZygotePool
from ..submission.unpack import unpack_submission
from . import modules
from .report import BudgetTrial, Finding, error

NOT_TRIED = "checks-that-are-not-tried"  # hidden ones, where there are any
MUCH = 0.5  # of a budget: a grader's machine may well be half as fast as a student's


def import_modules(manifest: Manifest, archive: Path, zygotes: ZygotePool | None = None) -> list[Finding]:
    """Unpack a zip and import every judged module with each set of libraries it is judged with."""
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chainrule-")))
        work.chmod(0o755)
        try:
            package = unpack_submission(archive, manifest, work).package
        except SubmissionError as problem:
            return [error(archive.name, str(problem))]
        zygotes = zygotes or stack.enter_context(contextlib.closing(ZygotePool()))
        context = stack.enter_context(contextlib.closing(RunContext(manifest, package, zygotes, keep=True)))
        found: dict[str, Finding] = {}
        for libraries, files in _group_modules(manifest, package).items():
            for file in files:
                _import(context, libraries, file, found)
        return [found[file] for file in sorted(found)]


def try_budgets(manifest: Manifest, archive: Path) -> list[BudgetTrial]:
    """Run the public checks that measure a budget on the package in a zip.

    Return no trial where none can be made: without a clock for workers, or before everything is written.
    """
    if not manifest.budgets:
        return []
    with tempfile.TemporaryDirectory(prefix="chainrule-") as work:
        Path(work).chmod(0o755)
        try:
            package = unpack_submission(archive, manifest, Path(work)).package
        except SubmissionError:
            return []
        checks = [(budget, check) for budget in manifest.budgets for check in _measure(manifest, package, budget)]
        return [trial for budget, check in checks if (trial := _judge(check, budget, package.name))]


def _measure(manifest: Manifest, package: Path, budget: Budget) -> list[CheckResult]:
    """Run the public checks of a budget's function; return none where checks cannot run here."""
    public = msgspec.structs.replace(manifest, paths=msgspec.structs.replace(manifest.paths, hidden=NOT_TRIED))
    question = manifest.functions()[budget.function]
    selection = run.Selection([question.id], functions=[budget.function], timing=False)
    try:
        return run.grade_package(public, package, selection).checks
    except (CourseError, SandboxError):
        return []


def _judge(check: CheckResult, budget: Budget, package: str) -> BudgetTrial | None:
    """Return the trial of a budget that a check made; None where it measured nothing."""
    name = f"{package}/{budget.file}" if budget.file else budget.function
    if check.outcome.by_own_code:
        return BudgetTrial(f"{name}: {check.message}", fine=False)
    if check.outcome is not Outcome.PASSED or check.spending is None or check.spending.name != budget.name:
        return None
    needs = f"needs about {check.spending.cpu_seconds:.2g} of the {budget.cpu_seconds:g} CPU seconds it may use"
    if check.spending.cpu_seconds <= MUCH * budget.cpu_seconds:
        return BudgetTrial(f"{name}: {needs}", fine=True)
    return BudgetTrial(f"{name}: {needs}; a slower machine may find that too much, so make it smaller", fine=False)


def _group_modules(manifest: Manifest, package: Path) -> dict[tuple[str, ...], list[str]]:
    """Return the judged modules that are there, by the libraries of their questions."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for file, questions in modules.find_judged(manifest, package).items():
        for libraries in dict.fromkeys(tuple(question.libraries) for question in questions):
            groups[libraries].append(file)
    return groups


def _import(context: RunContext, libraries: tuple[str, ...], file: str, found: dict[str, Finding]) -> None:
    """Import a module; what another one keeps back is no finding of its own."""
    worker = None
    try:
        worker = context.get_student_worker(libraries, 0)
        _ask(worker, file.removesuffix(".py").split("/"))
    except WorkerError as problem:
        cause = context.imports.find(problem, libraries, secret=False)
        name = f"{context.student.name}/{cause.file if cause else file}"
        reason = cause.message if cause else f"{explain_error(problem).full}; fix it"
        found.setdefault(name, error(name, f"cannot be imported: {reason}"))
    finally:
        if worker is not None:
            context.release(worker, libraries)


def _ask(worker: WorkerClient, parts: list[str]) -> None:
    """Ask for a module by name, so that it is imported."""
    for depth, part in enumerate(parts):
        owner, name = ".".join(parts[:depth]) or None, ".".join(parts[: depth + 1])
        worker.request("get", name, asked=name, target=owner, how="attribute", key=part)
