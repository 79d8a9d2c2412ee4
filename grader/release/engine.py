"""The modules of the engine that students get; whatever is not named here stays at home."""

from pathlib import Path

from ..errors import CourseError

ENGINE = Path(__file__).resolve().parents[1]
MODULES = (
    "__init__.py",
    "__main__.py",
    "checks/*.py",
    "cli/__init__.py",
    "cli/common.py",
    "cli/main.py",
    "cli/student.py",
    "course/__init__.py",
    "course/manifest.py",
    "course/reachability.py",
    "course/reading.py",
    "course/schema.py",
    "course/source.py",
    "course/validation.py",
    "errors.py",
    "extras.py",
    "grading/__init__.py",
    "grading/progress.py",
    "grading/run.py",
    "grading/watch.py",
    "limits.py",
    "notebook.py",
    "notebooks/__init__.py",
    "notebooks/checkfiles.py",
    "notebooks/judge.py",
    "outputs.py",
    "pdf/*.py",
    "pdf/template.typ",
    "recording/__init__.py",
    "recording/nothing/*.py",
    "recording/objects.py",
    "recording/prints.py",
    "recording/relay.py",
    "recording/replay.py",
    "recording/tape.py",
    "results/__init__.py",
    "results/doctor.py",
    "results/handin.py",
    "results/held.py",
    "results/notebook.py",
    "results/outcome.py",
    "results/pdf.py",
    "results/record.py",
    "results/terminal.py",
    "sandbox/*.py",
    "sandbox/child/*.py",
    "sandbox/child/probe/*.py",
    "sandbox/parent/*.py",
    "submission/__init__.py",
    "submission/copies.py",
    "submission/end_record.py",
    "submission/entries.py",
    "submission/graded_files.py",
    "submission/package_search.py",
    "submission/unpack.py",
    "submit/*.py",
)


def files() -> dict[str, bytes]:
    """The engine's files as `grader/…`; raises CourseError where a named one is not there."""
    found = {}
    for pattern in MODULES:
        matching = sorted(file for file in ENGINE.glob(pattern) if file.is_file())
        if not matching:
            raise CourseError(f"{ENGINE / pattern} is not there, and students need it; restore it")
        found |= {f"grader/{file.relative_to(ENGINE).as_posix()}": file.read_bytes() for file in matching}
    return found
