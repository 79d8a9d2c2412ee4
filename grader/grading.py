"""Grading a hand-in: unpack, run, and a valid report on disk from before the first check to after the last."""

import secrets
import tempfile
from pathlib import Path

from . import run
from .manifest import Manifest, ManifestError
from .record import Record, to_json, write_atomically
from .report import gradescope, markdown
from .sandbox.launch import SandboxError
from .submission import SubmissionError, unpack


def grade_submission(manifest: Manifest, source: Path, out: Path, form: str, secret_seeds: int | None = None) -> Record:
    """Grades a zip or folder, keeping the report in `out` up to date; a refused one gets 0 points and the reason.

    Raises ManifestError or SandboxError, having said so in the report, when the grader itself cannot run.
    """
    count = manifest.seeds.secret if secret_seeds is None else secret_seeds
    selection = run.Selection(secret_seeds=[secrets.token_hex(16) for _ in range(count)])

    def write(record: Record) -> Record:
        write_atomically(out, render(record, manifest, form))
        return record

    def refuse(reason: str) -> Record:
        record = run.new_record(manifest, "grade", source.name, [f"The hand-in was not graded: {reason}"])
        record.complete = True
        return write(record)

    record = write(run.new_record(manifest, "grade", source.name))
    with tempfile.TemporaryDirectory(prefix="chainrule-") as work:
        try:
            hand_in = unpack(source, manifest, Path(work))
            record.notes += hand_in.notes
            return run.grade(manifest, hand_in.package, selection, record, write)
        except SubmissionError as error:
            return refuse(str(error))
        except (ManifestError, SandboxError) as error:
            record.notes.append(f"The grader could not go on: {error}")
            write(record)
            raise


def render(record: Record, manifest: Manifest, form: str) -> bytes:
    """The report in one of the formats: gradescope, record or markdown."""
    if form == "gradescope":
        return gradescope.render(record, manifest)
    return to_json(record) if form == "record" else markdown.render(record).encode()
