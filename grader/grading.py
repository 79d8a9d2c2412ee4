"""Grading a hand-in: unpack, run, and a valid report on disk from before the first check to after the last."""

import secrets
import tempfile
from pathlib import Path

from . import run
from .manifest import Manifest
from .record import Record, environment, to_json, write_atomically
from .report import gradescope, markdown
from .sandbox import confine
from .submission import SubmissionError, unpack


def grade_submission(manifest: Manifest, source: Path, out: Path, form: str, secret_seeds: int | None = None) -> Record:
    """Grades a zip or folder, keeping the report in `out` up to date; a refused one gets 0 points and the reason."""
    seeds = [secrets.token_hex(16) for _ in range(manifest.seeds.secret if secret_seeds is None else secret_seeds)]

    def write(record: Record) -> None:
        write_atomically(out, render(record, manifest, form))

    write(Record(assignment=manifest.title, command="grade", submission=source.name, max_score=manifest.points))
    with tempfile.TemporaryDirectory(prefix="chainrule-") as work:
        try:
            hand_in = unpack(source, manifest, Path(work))
        except SubmissionError as error:
            refused = _refused(manifest, source, str(error))
            write(refused)
            return refused

        def update(record: Record) -> None:
            record.notes, record.submission = hand_in.notes, source.name
            write(record)

        return run.grade(manifest, hand_in.package, run.Selection(), seeds, update, "grade")


def render(record: Record, manifest: Manifest, form: str) -> bytes:
    """The report in one of the formats: gradescope, record or markdown."""
    if form == "gradescope":
        return gradescope.render(record, manifest)
    return to_json(record) if form == "record" else markdown.render(record).encode()


def _refused(manifest: Manifest, source: Path, reason: str) -> Record:
    record = Record(assignment=manifest.title, command="grade", submission=source.name, max_score=manifest.points)
    record.notes = [f"The hand-in was not graded: {reason}"]
    record.complete, record.environment, record.isolation = True, environment(), confine.active()
    return record
