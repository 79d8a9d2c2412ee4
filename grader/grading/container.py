"""One graded run inside Gradescope's container: the results are valid at every moment, and the run ends in time."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ..course.manifest import Manifest
from ..results import gradescope
from ..results.record import Note, NoteKind, Record, tally, write_atomically
from . import ratelimit, run
from . import submission as grading

STARTED = time.monotonic()
STOPPED = "The run was stopped from outside, as a rule because its time was over."


def grade(manifest: Manifest, root: Path) -> Record | None:
    """Grades what lies in `root`/submission into `root`/results/results.json; None when it came too soon to count.

    Raises what the grader itself stumbles over, having said in the results that it did.
    """
    out, manifest = root / "results/results.json", within_limit(manifest, STARTED)
    record = run.new_record(manifest, "grade", "submission")

    def write() -> None:
        tally(record, manifest)
        write_atomically(out, gradescope.render(record, manifest))

    write()
    _on_termination(record, write)
    try:
        refusal = ratelimit.refusal(manifest, metadata(root / "submission_metadata.json"))
        if refusal:
            write_atomically(out, refusal)
            return None
        return grading.grade_submission(manifest, root / "submission", out, "gradescope", record=record)
    except BaseException as error:
        if not any(note.kind is NoteKind.GRADER_ERROR for note in record.notes):
            sentence = f"The grader could not go on ({type(error).__name__}); tell the staff."
            record.notes.append(Note(NoteKind.GRADER_ERROR, sentence))
        record.complete = False
        write()
        raise


def within_limit(manifest: Manifest, started: float) -> Manifest:
    """The manifest with a run short enough for the container; what has gone by since `started` is off already."""
    box, limits = manifest.container, manifest.limits
    left = max(1.0, box.seconds - box.reserve - (time.monotonic() - started))
    limits = msgspec.structs.replace(limits, run_seconds=min(limits.run_seconds, left))
    return msgspec.structs.replace(manifest, limits=limits)


def metadata(file: Path) -> dict[str, Any]:
    """What Gradescope says about the submission; nothing where that is missing or malformed."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _on_termination(record: Record, write: Callable[[], None]) -> None:
    """Has SIGTERM leave what there is, and end the process at once: pytest would go on after an exception."""

    def stop(*_: object) -> None:
        record.complete = False
        record.notes.insert(0, Note(NoteKind.STOPPED, STOPPED))
        write()
        os._exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)
