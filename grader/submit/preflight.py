"""Find what a grader would miss: examine the work on disk, running nothing, then import what is handed in."""

import contextlib
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..checks.choice import Selection
from ..checks.context import RunContext
from ..checks.imports import find_stray_imports
from ..checks.wording import explain_error
from ..course.imports import find_judged, find_libraries, find_needed
from ..course.manifest import Manifest, Question
from ..course.schema import Budget
from ..course.source import TooLarge, Unparsable, find_definition, find_stubs, locate, parse_source, read_source
from ..errors import CourseError, NotInstalled, SandboxError, SubmissionError, WorkerError, require_libraries
from ..grading import run
from ..limits import MEGABYTE
from ..results.record import CheckResult, Outcome
from ..sandbox.parent.zygote_pool import ZygotePool
from ..submission.package_search import explain_missing_file
from ..submission.unpack import unpack_submission
from . import notebooks
from .report import Finding, error, join_names, warning

PRICE = "what needs it gets no points"
MUCH = 0.5  # of a budget: a grader's machine may well be half as fast as a student's


def examine_course(manifest: Manifest, names: Sequence[str] = ()) -> list[Finding]:
    """Return all findings in the manifest's order; those of the package first.

    With `names` for the title page, no file of names is missed.
    """
    found, baselines = examine_package(manifest), notebooks.load_baselines(manifest)
    files = manifest.collected_notebooks()
    if files and not names:
        found += _find_nameless(manifest)
    held = {name: baselines.get(name, notebooks.Baseline()) for name in files}
    others = [name for name, file in files.items() if notebooks.is_of_another_edition(file, held[name])]
    if others:
        said = f"{', '.join(others)}: of another edition than this folder; copy your work into fresh copies"
        found.append(error(manifest.paths.notebooks, said))
    for name, file in files.items():
        if not file.is_file():
            found.append(error(file.name, explain_missing_file(file, f"put it back into {manifest.paths.notebooks}/")))
        elif name not in others:
            found += notebooks.examine_notebook(file, held[name])
    return found


def examine_package(manifest: Manifest) -> list[Finding]:
    """Return everything that is missing in the package, file by file; run none of it."""
    package = manifest.path("student")
    if not package.is_dir():
        remedy = f"there is no folder {package}, so run this in the assignment's folder"
        return [error(manifest.paths.student, explain_missing_file(package, remedy))]
    found = _find_missing(manifest, package)
    for file in collect_files(manifest):
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
    for budget in manifest.budgets:
        if budget.file == file.as_posix():
            said = f"has {size / MEGABYTE:,.1f} MB and it may have {budget.megabytes:g} MB; make it smaller"
            return [error(name, said)] * (size > budget.megabytes * MEGABYTE)
    said = f"has {size / MEGABYTE:,.1f} MB; make sure that it holds no data set"
    return [warning(name, said)] * (size > manifest.submit.large_megabytes * MEGABYTE)


def _judge_syntax(package: Path, file: Path) -> list[Finding]:
    """Say that a file is too large to be looked through; one that Python cannot read shows when it is imported."""
    try:
        parse_source(read_source(package / file))
    except TooLarge as problem:
        said = f"was not looked through, since {problem}; keep data in files of their own"
        return [warning(f"{package.name}/{file.as_posix()}", said)]
    except Unparsable:
        pass
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
        said = f"line {stray.found.line} ({stray.found.text}): {stray.library} is not there"
        said += f" when {stray.question.id} is graded"
        lines = join_names([f"line {line}" for line in stray.found.uses])
        costs = f"so its use in {lines} raises ImportError; {_say_what_is_there(stray.question)}"
        free = "nothing that runs uses it, so it costs nothing, but it can be removed"
        said += f", {costs}" if lines else f"; {free}"
        found.append(warning(f"{package.name}/{stray.file.as_posix()}", said))
    return found


def _say_what_is_there(question: Question) -> str:
    return f"use {join_names(['the standard library', *question.libraries])}"


def _find_forbidden(manifest: Manifest, package: Path) -> list[Finding]:
    """Find imports in a question's functions that fail where it is graded."""
    found: dict[tuple[Path, str], Finding] = {}
    for function, question in manifest.functions().items():
        definition = find_definition(package, function)
        if definition is None:
            continue
        file, lines = definition
        for item in find_libraries(read_source(file), {package.name, *manifest.submission.packages}):
            top = item.name.partition(".")[0]
            if lines.first <= item.line <= lines.last and top not in question.libraries:
                said = f"line {item.line}: {top} is not there when {question.id} is graded"
                name = f"{package.name}/{file.relative_to(package).as_posix()}"
                found.setdefault((file, top), error(name, f"{said}; {_say_what_is_there(question)}", item.line))
    return list(found.values())


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
        for file, questions in find_judged(manifest, package).items():
            for question in {tuple(question.libraries): question for question in questions}.values():
                for finding in _import(context, question, file):
                    found.setdefault(finding.file, finding)
        return [found[file] for file in sorted(found)]


def _import(context: RunContext, question: Question, file: str) -> list[Finding]:
    """Import a module; what another one keeps back is a finding of that one."""
    worker, libraries = None, tuple(question.libraries)
    try:
        require_libraries({library: [question.id] for library in libraries})
        worker = context.get_student_worker(libraries, 0)
        owner, parts = "", file.removesuffix(".py").split("/")
        for part in parts:  # ask for each by name, so that it is imported
            name = f"{owner}.{part}".lstrip(".")
            worker.request("get", name, asked=name, target=owner or None, how="attribute", key=part)
            owner = name
    except WorkerError as problem:
        cause = context.imports.find(problem, libraries, secret=False)
        reason = cause.message if cause else f"{explain_error(problem).full}; fix it"
        place = f"{context.student.name}/{cause.file if cause else file}"
        return [error(place, f"cannot be imported: {reason}", cause.line if cause else 0)]
    except (NotInstalled, SandboxError) as problem:  # it may well be had where it is graded
        return [warning(f"{context.student.name}/{file}", f"was not imported: {problem}")]
    finally:
        if worker is not None:
            context.release(worker, libraries)
    return []


def try_budgets(manifest: Manifest, archive: Path) -> list[str]:
    """Run the public checks that measure a budget on the package in a zip, and say what each found.

    Nothing is said where nothing can be measured: without a clock for workers, or before everything is written.
    """
    said = []
    with contextlib.suppress(SubmissionError, CourseError, SandboxError), _unpack(manifest, archive) as package:
        for budget in manifest.budgets:
            question = manifest.functions()[budget.function]
            selection = Selection([question.id], functions=[budget.function], timing=False)
            for check in run.grade_package(manifest, package, selection).checks:
                if check.visibility == "public" and (sentence := _describe_trial(check, budget)):
                    said.append(f"{f'{package.name}/{budget.file}' if budget.file else budget.function}: {sentence}")
    return said


@contextlib.contextmanager
def _unpack(manifest: Manifest, archive: Path) -> Iterator[Path]:
    """Yield the package of a zip, where workers can read it. Raise SubmissionError."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as work:
        Path(work).chmod(0o755)
        yield unpack_submission(archive, manifest, Path(work)).package


def _describe_trial(check: CheckResult, budget: Budget) -> str:
    """Say what a check found of a budget; nothing where it measured none."""
    if check.outcome.by_own_code:
        return check.message
    if check.outcome is not Outcome.PASSED or check.spending is None or check.spending.name != budget.name:
        return ""
    spent = check.spending.cpu_seconds
    is_much = spent > MUCH * budget.cpu_seconds
    warns = "; a slower machine may find that too much, so make it smaller" if is_much else ""
    return f"needs about {spent:.2g} of the {budget.cpu_seconds:g} CPU seconds it may use{warns}"
