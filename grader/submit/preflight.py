"""Find what a grader would miss: examine the work on disk, running nothing, then try the finished zip in workers."""

import contextlib
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from ..checks.choice import Selection
from ..checks.context import RunContext
from ..checks.imports import explain_unreadable, find_stray_imports
from ..checks.wording import explain_error
from ..course.imports import find_judged, find_libraries, find_loaded, find_needed
from ..course.manifest import Manifest, Question
from ..course.schema import Budget
from ..course.source import TooLarge, Unparsable, find_definition, find_stubs, locate, parse_source, read_source
from ..errors import CourseError, SandboxError, SubmissionError, WorkerError
from ..files import is_unchanged
from ..grading import run
from ..limits import MEGABYTE
from ..results.record import CheckResult, Outcome
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.zygote_pool import ZygotePool
from ..submission.package_search import explain_missing_file
from ..submission.unpack import choose_data, unpack_submission
from . import notebooks
from .report import BudgetTrial, Finding, error, join_names, warning

PRICE = "what needs it gets no points"
NOT_TRIED = "checks-that-are-not-tried"  # hidden ones, where there are any
MUCH = 0.5  # of a budget: a grader's machine may well be half as fast as a student's


def examine_course(manifest: Manifest, names: Sequence[str] = ()) -> list[Finding]:
    """Return all findings in the manifest's order; those of the package first.

    With `names` for the title page, no file of names is missed.
    """
    found, baselines = examine_package(manifest), notebooks.load_baselines(manifest)
    if manifest.collected_notebooks() and not names:
        found += _find_nameless(manifest)
    files = manifest.collected_notebooks()
    others = [
        name for name in files if name in baselines and notebooks.is_of_another_edition(files[name], baselines[name])
    ]
    if others:
        names = f"{join_names(others, len(others))}: {'they are' if others[1:] else 'it is'} of another edition"
        found.append(error(manifest.paths.notebooks, f"{names} than this folder; copy your work into fresh copies"))
    for name, file in files.items():
        if not file.is_file():
            found.append(error(file.name, explain_missing_file(file, f"put it back into {manifest.paths.notebooks}/")))
        elif name not in others:
            found += notebooks.examine_notebook(file, baselines.get(name))
    return found


def examine_package(manifest: Manifest) -> list[Finding]:
    """Return everything that is missing in the package, file by file; run none of it."""
    package = manifest.path("student")
    if not package.is_dir():
        remedy = f"there is no folder {package}, so run this in the assignment's folder"
        return [error(manifest.paths.student, explain_missing_file(package, remedy))]
    found = _find_missing(manifest, package)
    files = sorted(collect_files(manifest))
    found += _find_unsent(manifest, package, files)
    for file in files:
        found += _judge_size(manifest, package, file) or (_judge_syntax(package, file) if file.suffix == ".py" else [])
    found += _find_stubs(manifest, package) + _find_stray(manifest, package) + _find_forbidden(manifest, package)
    return sorted(found, key=lambda finding: finding.file)


def collect_files(manifest: Manifest) -> list[Path]:
    """Return the package's files that are submitted, as paths in it: named by the manifest, or imported."""
    package = manifest.path("student")
    names = {manifest.paths.student, package.name, *manifest.submission.packages}
    wanted = [Path(name) for name in [*manifest.submission.required, *find_judged(manifest, package)]]
    cells = [notebooks.read_code(file) for file in manifest.collected_notebooks().values()]
    return find_needed(package, cells, wanted, names)


def _find_unsent(manifest: Manifest, package: Path, modules: Sequence[Path]) -> list[Finding]:
    """Find data that a module of the student's own names and that is too much to be handed in."""
    texts = {file: read_source(package / file).decode("utf-8", "replace") for file in modules if file.suffix == ".py"}
    own = {file: text for file, text in texts.items() if not is_unchanged(text)}
    found = []
    with contextlib.suppress(SubmissionError):
        for parts in choose_data(package, modules, manifest.submission)[1]:
            named = re.compile(rf"(?<![\w.]){re.escape(parts[-1])}[\"']")
            users = [f"{file.as_posix()} names it" for file, text in own.items() if named.search(text)][:1]
            said = "is not handed in: it is no plain file, or there is too much of it; make it smaller, since"
            found += [warning(f"{package.name}/{'/'.join(parts)}", f"{said} {user}") for user in users]
    return found


def _find_missing(manifest: Manifest, package: Path) -> list[Finding]:
    gone = [name for name in manifest.submission.required if not (package / name).is_file()]
    said = {name: explain_missing_file(package / name, _restore(manifest, name), package) for name in gone}
    return [error(f"{package.name}/{name}", sentence) for name, sentence in said.items()]


def _restore(manifest: Manifest, name: str) -> str:
    """Return how to get a file of the package: from the cell that makes it, where it is none that was given out."""
    file = Path(name)
    maker = "" if file.suffix == ".py" else notebooks.find_maker(manifest.collected_notebooks().values(), file.name)
    return f"run {maker}, which makes it; {PRICE}" if maker else f"put it back, {PRICE}"


def _find_nameless(manifest: Manifest) -> list[Finding]:
    file = manifest.root / manifest.pdf.names_file
    try:
        said = "has no name in it" if not file.read_text("utf-8", "replace").strip() else ""
    except OSError:
        said = "is missing"
    remedy = "so the PDF's first page has no name; write yours into it, one a line"
    return [warning(manifest.pdf.names_file, f"{said}, {remedy}")] if said else []


def _judge_size(manifest: Manifest, package: Path, file: Path) -> list[Finding]:
    size, name = (package / file).stat().st_size, f"{package.name}/{file.as_posix()}"
    if size > manifest.submission.max_megabytes * MEGABYTE:
        limit = f"a submission may have {manifest.submission.max_megabytes} MB"
        return [error(name, f"has {size / MEGABYTE:,.1f} MB and {limit}; make it smaller")]
    for budget in manifest.budgets:
        if budget.file == file.as_posix():
            said = f"has {size / MEGABYTE:,.1f} MB and it may have {budget.megabytes:g} MB; make it smaller"
            return [error(name, said)] * (size > budget.megabytes * MEGABYTE)
    said = f"has {size / MEGABYTE:,.1f} MB; make sure that it holds no data set"
    return [warning(name, said)] * (size > manifest.submit.large_megabytes * MEGABYTE)


def _judge_syntax(package: Path, file: Path) -> list[Finding]:
    name, source = f"{package.name}/{file.as_posix()}", read_source(package / file)
    try:
        parse_source(source)
    except TooLarge as problem:
        return [warning(name, f"was not looked through, since {problem}; keep data in files of their own")]
    except Unparsable as problem:
        plain = f"line {problem.line}: {problem}; Python cannot read this file, fix it"
        return [error(name, explain_unreadable(file.as_posix(), source) or plain, problem.line)]
    return []


def _find_stubs(manifest: Manifest, package: Path) -> list[Finding]:
    """Find functions of the assignment that nobody has written, module by module."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, place in find_stubs(package, manifest.functions()).items():
        file, _, line = place.partition(", ")
        places[file].append(f"{'.'.join(locate(package, name)[1])} ({line})")
    return [
        error(f"{package.name}/{file}", f"not written: {join_names(functions, 6)}; write what is missing")
        for file, functions in places.items()
    ]


def _find_stray(manifest: Manifest, package: Path) -> list[Finding]:
    """Say which imports a stand-in answers when a question is graded, and what that costs."""
    found = []
    for stray in find_stray_imports(manifest, package):
        name, where = f"{package.name}/{stray.file.as_posix()}", stray.found
        said = f"line {where.line} ({where.text}): {stray.library} is not there when {stray.question.id} is graded"
        remedy = _say_what_is_there(stray.question)
        if where.early:
            runs = f"line {where.early[0]}, which uses it, runs at each import, so this file cannot be imported"
            found.append(error(name, f"{said}, and {runs}; {remedy}", where.line))
        elif where.uses:
            lines = join_names([f"line {line}" for line in where.uses])
            found.append(warning(name, f"{said}, so its use in {lines} raises ImportError; {remedy}"))
        else:
            found.append(warning(name, f"{said}; nothing uses it, so it costs nothing, but it can be removed"))
    return found


def _say_what_is_there(question: Question) -> str:
    return f"use {join_names(['the standard library', *question.libraries])}"


def _find_forbidden(manifest: Manifest, package: Path) -> list[Finding]:
    """Find imports that fail where a question is graded: along with its modules, or in its functions."""
    names = {package.name, *manifest.submission.packages}
    answered = {(stray.file, stray.found.line) for stray in find_stray_imports(manifest, package)}
    found: dict[tuple[Path, str], tuple[int, Question]] = {}
    for start, questions in find_judged(manifest, package).items():
        for question in questions:
            inside = _find_lines(package, start, question)
            for file in sorted(find_loaded(package, Path(start), names)):
                for item in find_libraries(read_source(package / file), names):
                    top = item.name.partition(".")[0]
                    wanted = item.early or (file.as_posix() == start and item.line in inside)
                    if wanted and top not in question.libraries and (file, item.line) not in answered:
                        found.setdefault((file, top), (item.line, question))
    findings = []
    for (file, top), (line, question) in found.items():
        sentence = f"line {line}: {top} is not there when {question.id} is graded; {_say_what_is_there(question)}"
        findings.append(error(f"{package.name}/{file.as_posix()}", sentence, line))
    return findings


def _find_lines(package: Path, file: str, question: Question) -> set[int]:
    """Return the lines of a question's functions in one module."""
    lines: set[int] = set()
    for name in question.functions:
        found = find_definition(package, name)
        if found is not None and found[0] == package / file:
            lines |= set(range(found[1].first, found[1].last + 1))
    return lines


def import_modules(manifest: Manifest, archive: Path, zygotes: ZygotePool | None = None) -> list[Finding]:
    """Unpack a zip and import every judged module with each set of libraries it is judged with."""
    with contextlib.ExitStack() as stack:
        try:
            package = stack.enter_context(_unpack(manifest, archive))
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
    with contextlib.suppress(SubmissionError), _unpack(manifest, archive) as package:
        checks = [(budget, check) for budget in manifest.budgets for check in _measure(manifest, package, budget)]
        return [trial for budget, check in checks if (trial := _judge(check, budget, package.name))]
    return []


@contextlib.contextmanager
def _unpack(manifest: Manifest, archive: Path) -> Iterator[Path]:
    """Yield the package of a zip, where workers can read it. Raise SubmissionError."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as work:
        Path(work).chmod(0o755)
        yield unpack_submission(archive, manifest, Path(work)).package


def _measure(manifest: Manifest, package: Path, budget: Budget) -> list[CheckResult]:
    """Run the public checks of a budget's function; return none where checks cannot run here."""
    public = msgspec.structs.replace(manifest, paths=msgspec.structs.replace(manifest.paths, hidden=NOT_TRIED))
    question = manifest.functions()[budget.function]
    selection = Selection([question.id], functions=[budget.function], timing=False)
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
    for file, questions in find_judged(manifest, package).items():
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
