"""Imports the modules of a finished zip as the grader will, each in a worker of the sandbox, never in this process."""

import contextlib
import tempfile
from collections import defaultdict
from pathlib import Path

from ..checks.context import Grading
from ..manifest import Manifest
from ..sandbox.client import Worker
from ..sandbox.errors import StudentError, StudentRaised
from ..sandbox.processes import Zygotes
from ..submission import SubmissionError, unpack
from . import modules
from .findings import Finding, error


def imports(manifest: Manifest, archive: Path, zygotes: Zygotes | None = None) -> list[Finding]:
    """Unpacks a zip and imports every judged module with each set of libraries it is judged with."""
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chainrule-")))
        work.chmod(0o755)
        try:
            package = unpack(archive, manifest, work).package
        except SubmissionError as problem:
            return [error(archive.name, str(problem))]
        zygotes = zygotes or stack.enter_context(contextlib.closing(Zygotes()))
        grading = stack.enter_context(contextlib.closing(Grading(manifest, package, zygotes, keep=True)))
        found: dict[str, Finding] = {}
        for libraries, files in _groups(manifest, package).items():
            for file in files:
                _import(grading, libraries, file, found)
        return [found[file] for file in sorted(found)]


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


def _ask(worker: Worker, parts: list[str]) -> None:
    """Asks for a module by name; it is imported then."""
    for depth, part in enumerate(parts):
        owner = ".".join(parts[:depth]) or None
        worker.request("get", ".".join(parts), target=owner, how="attribute", key=part)


def _reason(problem: StudentError) -> str:
    where = problem.frames[-1] if problem.frames else None
    place = f" ({where.file}, line {where.line})" if where else ""
    kind = f"{problem.kind}: " if isinstance(problem, StudentRaised) else ""
    return f"{kind}{problem.sentence}{place}"
