"""Check again, on each save, the questions that the saved file has to do with."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from watchfiles import PythonFilter
from watchfiles import watch as changes

from ..course.manifest import Manifest
from ..errors import CourseError
from ..results import terminal
from ..sandbox.parent.zygote_pool import ZygotePool
from . import run


def watch_package(manifest: Manifest, student: Path, console: Console | None = None) -> None:
    """Watch the package and the checks until interrupted; workers start only once."""
    out, zygotes = console or Console(highlight=False), ZygotePool()
    out.print(f"watching {student}; save a file to check it, Ctrl-C to end")
    try:
        for batch in changes(student, manifest.path("public"), watch_filter=PythonFilter()):
            names = find_questions(manifest, student, (Path(path) for _, path in batch))
            out.rule(", ".join(names))
            try:
                record = run.grade_package(manifest, student, run.Selection(names), zygotes=zygotes, keep=True)
                terminal.show(record, out)
            except CourseError as error:  # a file of checks was saved half written
                out.print(f"cannot check: {error}", markup=False)
    except KeyboardInterrupt:
        out.print("ended")
    finally:
        zygotes.close()


def find_questions(manifest: Manifest, student: Path, files: Iterable[Path]) -> list[str]:
    """Return the questions with a function or checks in one of the files; all when no file tells."""
    names = set()
    for file in files:
        if file.is_relative_to(student):
            module = ".".join(file.relative_to(student).with_suffix("").parts)
            names |= {q.id for q in manifest.questions if any(f.startswith(f"{module}.") for f in q.functions)}
        names |= {q.id for q in manifest.questions if q.file == file.name}
    return [q.id for q in manifest.questions if q.id in names] or [q.id for q in manifest.questions]
