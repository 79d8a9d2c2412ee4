"""Grade a submission: unpack, run, and keep a valid report on disk from before the first check to the end."""

import contextlib
import os
import secrets
import tempfile
import time
from pathlib import Path

from ..course.manifest import Manifest
from ..errors import ChainruleError, SubmissionError
from ..files import make_printable
from ..results import gradescope, markdown
from ..results.record import Note, NoteKind, Record, to_json, write_atomically
from ..results.status_line import SILENT, StatusLine
from ..sandbox.parent.zygote_pool import ZygotePool
from ..sandbox.policy import Policy
from ..submission.unpack import unpack_submission
from . import run

UNSAFE = "Graded with --unsafe: whatever isolation was missing did not stop the grading; do not trust these points."


def grade_submission(
    manifest: Manifest,
    source: Path,
    out: Path,
    form: str,
    secret_seeds: int | None = None,
    record: Record | None = None,
    unsafe: bool = False,
    line: StatusLine = SILENT,
) -> Record:
    """Grade a zip or folder, and keep the report in `out` up to date; a refused one gets 0 points and the reason.

    A given record is the one that grows, so that its owner can see how far the run has come.
    Raise ChainruleError, after the report says so, when the grader itself cannot run or this machine cannot isolate
    student code; with `unsafe`, grade all the same and say so in the report.
    """
    started = time.monotonic()  # unpacking is part of the run
    selection = run.Selection(secret_seeds=_draw_seeds(manifest.seeds.secret if secret_seeds is None else secret_seeds))

    def write(record: Record) -> None:
        write_atomically(out, render_report(record, manifest, form))

    record = record or run.new_record(manifest, "grade", make_printable(source.name))
    write(record)
    if unsafe:
        record.notes.append(Note(NoteKind.ISOLATION, UNSAFE))
    with tempfile.TemporaryDirectory(prefix="chainrule-") as work:
        os.chmod(work, 0o755)  # workers may have a user id of their own
        try:
            unpacked = unpack_submission(source, manifest, Path(work), started + manifest.limits.run_seconds)
            record.notes += [Note(NoteKind.SUBMISSION, note) for note in unpacked.notes]
            with contextlib.closing(ZygotePool(Policy.full())) as zygotes:
                subject = manifest, unpacked.package, selection, record, write, zygotes
                run.grade_package(*subject, official=not unsafe, started=started, tell=line.count)
        except SubmissionError as error:
            record.notes.append(Note(NoteKind.REFUSED, f"The submission was not graded: {error}"))
            record.complete = True
            write(record)
        except ChainruleError as error:
            # the first line only: what pytest says after it may quote a hidden check
            reason = str(error).partition("\n")[0]
            record.notes.append(Note(NoteKind.GRADER_ERROR, f"The grader could not go on: {reason}"))
            write(record)
            raise
    return record


def _draw_seeds(count: int) -> list[str]:
    return [secrets.token_hex(16) for _ in range(count)]


def render_report(record: Record, manifest: Manifest, form: str) -> bytes:
    """Render the report in one of the formats: gradescope, record or markdown."""
    if form == "gradescope":
        return gradescope.render(record, manifest)
    return to_json(record) if form == "record" else markdown.render(record).encode()
