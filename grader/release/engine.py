"""The modules of the engine that students get; whatever is not named here stays at home."""

from pathlib import Path

from ..manifest import ManifestError

ENGINE = Path(__file__).resolve().parents[1]
MODULES = (
    "__init__.py",
    "__main__.py",
    "commands_common.py",
    "commands_handin.py",
    "copies.py",
    "end_record.py",
    "entries.py",
    "faults.py",
    "graded_files.py",
    "manifest.py",
    "notebook.py",
    "outputs.py",
    "package_search.py",
    "progress.py",
    "reachability.py",
    "reading.py",
    "record.py",
    "run.py",
    "source.py",
    "submission.py",
    "tables.py",
    "watch.py",
    "checks/*.py",
    "handin/*.py",
    "notebooks/__init__.py",
    "notebooks/checkfiles.py",
    "notebooks/judge.py",
    "notebooks/naming.py",
    "oracle/__init__.py",
    "oracle/nothing/*.py",
    "oracle/objects.py",
    "oracle/prints.py",
    "oracle/relay.py",
    "oracle/replay.py",
    "oracle/tape.py",
    "pdf/*.py",
    "pdf/template.typ",
    "report/__init__.py",
    "report/doctor.py",
    "report/handin.py",
    "report/held.py",
    "report/notebook.py",
    "report/pdf.py",
    "report/terminal.py",
    "sandbox/*.py",
    "sandbox/probe/*.py",
)


def files() -> dict[str, bytes]:
    """The engine's files as `grader/…`; raises ManifestError where a named one is not there."""
    found = {}
    for pattern in MODULES:
        matching = sorted(file for file in ENGINE.glob(pattern) if file.is_file())
        if not matching:
            raise ManifestError(f"{ENGINE / pattern} is not there, and students need it; restore it")
        found |= {f"grader/{file.relative_to(ENGINE).as_posix()}": file.read_bytes() for file in matching}
    return found
