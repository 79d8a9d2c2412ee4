"""What a grader would miss in the student's package, told from its text; nothing of it is run."""

from collections import defaultdict
from pathlib import Path

from ..course.manifest import Manifest, Question
from ..course.reading import TooLarge, Unparsable, parse, read_source
from ..course.source import definitions, locate, unwritten
from ..limits import MEGABYTE
from ..submission.copies import missing
from . import imports
from .findings import Finding, error, listed, warning


def examine(manifest: Manifest) -> list[Finding]:
    """Everything that is missing in the package, file by file."""
    package = manifest.path("student")
    if not package.is_dir():
        return [error(manifest.paths.student, f"there is no folder {package}; run this in the assignment's folder")]
    found = _missing(manifest, package)
    for file in sorted(collected(manifest)):
        found += _size(manifest, package, file) or (_syntax(package, file) if file.suffix == ".py" else [])
    found += _stubs(manifest, package) + _libraries(manifest, package)
    return sorted(found, key=lambda finding: finding.file)


def collected(manifest: Manifest) -> list[Path]:
    """The package's files that are handed in, as paths in it: those the manifest names, and what is imported."""
    package = manifest.path("student")
    names = {manifest.paths.student, package.name, *manifest.submission.packages}
    wanted = [Path(name) for name in manifest.submission.required] + [Path(m) for m in judged(manifest, package)]
    cells = [_code(file) for file in manifest.collected().values()]
    return imports.reachable(package, cells, wanted, names)


def judged(manifest: Manifest, package: Path) -> dict[str, list[Question]]:
    """The modules that hold functions of the assignment, as paths in the package, with their questions."""
    found: dict[str, list[Question]] = defaultdict(list)
    for name, question in manifest.functions().items():
        try:
            file = locate(package, name)[0].relative_to(package).as_posix()
        except LookupError:
            continue
        if question not in found[file]:
            found[file].append(question)
    return dict(found)


def _code(notebook: Path) -> str:
    """The lines of a notebook's code that Python itself could read."""
    from ..pdf.notebook import read

    try:
        cells = read(notebook).cells
    except OSError:
        return ""
    lines = [line for cell in cells if cell.kind == "code" for line in cell.source.splitlines()]
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!", "?")))


def _missing(manifest: Manifest, package: Path) -> list[Finding]:
    folder, remedy = package.name, "put it back, what needs it gets no points"
    names = [name for name in manifest.submission.required if not (package / name).is_file()]
    return [error(f"{folder}/{name}", missing(package / name, remedy)) for name in names]


def _size(manifest: Manifest, package: Path, file: Path) -> list[Finding]:
    size, name = (package / file).stat().st_size, f"{package.name}/{file.as_posix()}"
    if size > manifest.submission.max_megabytes * MEGABYTE:
        limit = f"a hand-in may have {manifest.submission.max_megabytes} MB"
        return [error(name, f"has {size / MEGABYTE:,.1f} MB and {limit}; make it smaller")]
    for budget in manifest.budgets:
        if budget.file == file.as_posix():
            if size <= budget.megabytes * MEGABYTE:
                return []
            limit = f"it may have {budget.megabytes:g} MB"
            return [error(name, f"has {size / MEGABYTE:,.1f} MB and {limit}; make it smaller")]
    if size > manifest.handin.large_megabytes * MEGABYTE:
        return [warning(name, f"has {size / MEGABYTE:,.1f} MB; make sure that it holds no data set")]
    return []


def _syntax(package: Path, file: Path) -> list[Finding]:
    name = f"{package.name}/{file.as_posix()}"
    try:
        parse(read_source(package / file))
    except TooLarge as problem:
        return [warning(name, f"was not looked through, since {problem}; keep data in files of their own")]
    except Unparsable as problem:
        return [error(name, f"line {problem.line}: {problem}; Python cannot read this file, mend it")]
    return []


def _stubs(manifest: Manifest, package: Path) -> list[Finding]:
    """Functions of the assignment that nobody has written, module by module."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, place in unwritten(package, manifest.functions()).items():
        file, _, line = place.partition(", ")
        places[file].append(f"{'.'.join(locate(package, name)[1])} ({line})")
    return [
        error(f"{package.name}/{file}", f"not written: {listed(functions, 6)}; write what is missing")
        for file, functions in places.items()
    ]


def _libraries(manifest: Manifest, package: Path) -> list[Finding]:
    """Imports of libraries that a question's workers do not have: along with its modules, or in its functions."""
    names, found = {package.name, *manifest.submission.packages}, {}
    for start, questions in judged(manifest, package).items():
        for question in questions:
            inside = _lines(package, start, question)
            for file in sorted(_loaded(package, Path(start), names)):
                for item in imports.outside(read_source(package / file), names):
                    top = item.name.partition(".")[0]
                    wanted = item.early or (file.as_posix() == start and item.line in inside)
                    if wanted and top not in question.libraries:
                        found.setdefault((file.as_posix(), top), (item.line, question))
    return [_forbidden(f"{package.name}/{file}", top, *where) for (file, top), where in found.items()]


def _forbidden(file: str, top: str, line: int, question: Question) -> Finding:
    have = listed(["the standard library", *question.libraries])
    return error(file, f"line {line}: {top} is not there when {question.id} is graded; use {have}")


def _lines(package: Path, file: str, question: Question) -> set[int]:
    """The lines of a question's functions in one module."""
    lines: set[int] = set()
    for name in question.functions:
        try:
            module, path = locate(package, name)
            found = definitions(read_source(module)).get(".".join(path))
        except (LookupError, Unparsable):
            continue
        if found is not None and module == package / file:
            lines |= set(range(found.first, found.last + 1))
    return lines


def _loaded(package: Path, start: Path, names: set[str]) -> set[Path]:
    """The files that importing one of them loads."""
    loaded, waiting = set(), [start, Path("__init__.py")]
    while waiting:
        file = waiting.pop()
        if file not in loaded and (package / file).is_file():
            loaded.add(file)
            waiting += imports.within(package, file, names, early=True)
    return loaded
