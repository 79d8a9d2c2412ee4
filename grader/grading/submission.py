"""Grade a submission: unpack, run, and keep a valid report on disk from before the first check to the end.

In Gradescope's container, find out too whether the run counts, and end it in time.
"""

import contextlib
import json
import os
import secrets
import signal
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..checks.choice import Selection
from ..course.editions import choose_edition, place_given
from ..course.manifest import Manifest
from ..course.validation import parse_rate, read_time
from ..errors import ChainruleError, SubmissionError
from ..files import make_printable, write_atomically
from ..results import gradescope
from ..results.record import Note, NoteKind, Record, tally, to_json
from ..results.summary import render_markdown
from ..results.terminal import SILENT, StatusLine
from ..sandbox.parent.zygote_pool import ZygotePool
from ..sandbox.policy import Policy
from ..submission.unpack import unpack_submission
from . import run
from .hints import Failures, Hints

UNSAFE = "Graded with --unsafe: whatever isolation was missing did not stop the grading; do not trust these points."
STARTED = time.monotonic()
STOPPED = "The run was stopped from outside, as a rule because its time was over."
_Value = TypeVar("_Value")


def grade_submission(
    manifest: Manifest,
    source: Path,
    out: Path,
    form: str,
    secret_seeds: int | None = None,
    record: Record | None = None,
    unsafe: bool = False,
    line: StatusLine = SILENT,
    hints: Hints | None = None,
) -> Record:
    """Grade a zip or folder, and keep the report in `out` up to date; a refused one gets 0 points and the reason.

    A given record is the one that grows, for its owner to see. Hints do not wait by default. Raise ChainruleError,
    after the report says so, when the grader cannot run or this machine cannot isolate student code, unless `unsafe`.
    """
    started = time.monotonic()  # unpacking is part of the run

    def write(record: Record) -> None:
        write_atomically(out, render_report(record, manifest, form, namer.failures))

    record, namer = record or run.new_record(manifest, "grade", make_printable(source.name)), hints or Hints(manifest)
    write(record)
    with contextlib.closing(ZygotePool(Policy.full())) as zygotes:
        selection = Selection(secret_seeds=draw_seeds(manifest, secret_seeds))
        fill_record(manifest, source, record, selection, zygotes, namer, write, unsafe, started, line)
    return record


def fill_record(
    manifest: Manifest,
    source: Path,
    record: Record,
    selection: Selection,
    zygotes: ZygotePool,
    hints: Hints,
    write: Callable[[Record], None] | None = None,
    unsafe: bool = False,
    started: float | None = None,
    line: StatusLine = SILENT,
) -> None:
    """Grade a zip or folder on a selection's secret seeds into a record, which `write` sees grow; raise as above."""
    started, update = started or time.monotonic(), write or (lambda record: None)
    if unsafe:
        record.notes.append(Note(NoteKind.ISOLATION, UNSAFE))
    with tempfile.TemporaryDirectory(prefix="chainrule-") as work:
        os.chmod(work, 0o755)  # workers may have a user id of their own
        try:
            unpacked = unpack_submission(source, manifest, Path(work), started + manifest.limits.wall_seconds)
            record.notes += [Note(NoteKind.SUBMISSION, note) for note in unpacked.notes]
            place_given(manifest, unpacked.package)
            subject = manifest, unpacked.package, selection, record, write, zygotes
            run.grade_package(*subject, official=not unsafe, started=started, tell=line.count, hints=hints)
        except SubmissionError as error:
            record.notes.append(Note(NoteKind.REFUSED, f"The submission was not graded: {error}"))
            record.complete = True
            update(record)
        except ChainruleError as error:
            # the first line only: what pytest says after it may quote a hidden check
            reason = str(error).partition("\n")[0]
            record.notes.append(Note(NoteKind.GRADER_ERROR, f"The grader could not go on: {reason}"))
            update(record)
            raise


def draw_seeds(manifest: Manifest, count: int | None = None) -> list[str]:
    """Draw the secret seeds of a run, by default as many as the manifest says."""
    return [secrets.token_hex(16) for _ in range(manifest.seeds.secret if count is None else count)]


def render_report(record: Record, manifest: Manifest, form: str, failures: Failures | None = None) -> bytes:
    """Render the report in one of the formats: gradescope, record or markdown."""
    if form == "gradescope":
        return gradescope.render_results(record, manifest, failures.counts if failures else None)
    return to_json(record) if form == "record" else render_markdown(record).encode()


def grade_in_container(manifest: Manifest, root: Path) -> Record | None:
    """Grade what lies in `root`/submission into `root`/results/results.json; None when it came too soon to count.

    Raise what the grader itself stumbles over, after the results say that it did.
    """
    manifest = choose_edition(manifest, manifest.container.edition)
    out, manifest = root / "results/results.json", shorten_run(manifest, STARTED)
    record, failures = run.new_record(manifest, "grade", "submission"), Failures({})

    def write() -> None:
        tally(record, manifest)
        write_atomically(out, render_report(record, manifest, "gradescope", failures))

    write()
    _on_termination(record, write)
    try:
        metadata = read_metadata(root / "submission_metadata.json")
        refusal = refuse_early(manifest, metadata)
        if refusal:
            write_atomically(out, refusal)
            return None
        failures.counts.update(read_failures(metadata))
        hints = Hints(manifest, failures)
        return grade_submission(manifest, root / "submission", out, "gradescope", record=record, hints=hints)
    except BaseException as error:
        if not any(note.kind is NoteKind.GRADER_ERROR for note in record.notes):
            sentence = f"The grader could not go on ({type(error).__name__}); tell the staff."
            record.notes.append(Note(NoteKind.GRADER_ERROR, sentence))
        record.complete = False
        write()
        raise


def shorten_run(manifest: Manifest, started: float) -> Manifest:
    """Return the manifest with a run that ends in time for the container, counted from `started`."""
    box, limits = manifest.container, manifest.limits
    left = max(1.0, box.seconds - box.reserve - (time.monotonic() - started))
    limits = msgspec.structs.replace(limits, wall_seconds=min(limits.wall_seconds, left))
    return msgspec.structs.replace(manifest, limits=limits)


def read_metadata(file: Path) -> dict[str, Any]:
    """Return Gradescope's word on the submission; nothing where that is missing or malformed."""
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _on_termination(record: Record, write: Callable[[], None]) -> None:
    """Have SIGTERM write what there is and end the process: pytest would go on after an exception."""

    def stop(*_: object) -> None:
        record.complete = False
        record.notes.insert(0, Note(NoteKind.STOPPED, STOPPED))
        write()
        os._exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, stop)


def refuse_early(manifest: Manifest, metadata: dict[str, Any]) -> bytes | None:
    """Return the results.json of a submission that comes too soon, or None when it is to be graded.

    Times are those of Gradescope's metadata, never of the clock. The score of the last graded submission stays, since
    on Gradescope the newest submission counts. Earlier ones that were refused, or failed, do not count against it.
    """
    if not manifest.container.rate_limit:
        return None
    number, window = parse_rate(manifest.container.rate_limit)
    now = read_time(metadata.get("created_at"))
    earlier = [entry for entry in _entries(metadata) if _counts(entry)]
    times = sorted(time for time in (read_time(entry.get("submission_time")) for entry in earlier) if time)
    recent = [time for time in times if now and timedelta() <= now - time < window]
    if now is None or len(recent) < number:
        return None
    when = (recent[-number] + window).astimezone(now.tzinfo)
    sentences = [
        f"Not graded: this course grades {manifest.container.rate_limit}.",
        f"The next submission counts from {when:%Y-%m-%d %H:%M:%S} (UTC{when:%z}) on.",
    ]
    score = _find_latest(earlier, _score)
    if score is None:
        return gradescope.encode(0, "\n".join([*sentences, "No earlier score is known."]), [], {"rate_limited": True})
    sentences.append("The score of the last graded submission stays.")
    return gradescope.encode(score, "\n".join(sentences), [_kept(manifest, score)], {"rate_limited": True})


def read_failures(metadata: dict[str, Any]) -> dict[str, int]:
    """Return the failures by function that the latest graded submission has counted (`hints.Failures`)."""
    return _find_latest(filter(_counts, _entries(metadata)), _failures) or {}


def _failures(entry: dict[str, Any]) -> dict[str, int] | None:
    with contextlib.suppress(KeyError, TypeError, msgspec.ValidationError):
        return msgspec.convert(entry["results"]["extra_data"]["failures"], dict[str, int])
    return None


def _entries(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    entries = metadata.get("previous_submissions")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _counts(entry: dict[str, Any]) -> bool:
    """Return whether an earlier submission was graded."""
    results = entry.get("results")
    facts = results.get("extra_data") if isinstance(results, dict) else None
    limited = isinstance(facts, dict) and facts.get("rate_limited") is True
    return entry.get("autograder_error") is not True and not limited


def _find_latest(entries: Iterable[dict[str, Any]], read: Callable[[dict[str, Any]], _Value | None]) -> _Value | None:
    """Return what is read of the latest submission that has it; Gradescope lists them in any order."""
    found = [(time, read(entry)) for entry in entries if (time := read_time(entry.get("submission_time")))]
    known = [(time, value) for time, value in found if value is not None]
    return max(known, key=lambda one: one[0])[1] if known else None


def _score(entry: dict[str, Any]) -> int | float | None:
    """Read a score, which Gradescope writes as text, `"95.0"`."""
    try:
        score = float(entry["score"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return (int(score) if score.is_integer() else score) if score - score == 0 else None


def _kept(manifest: Manifest, score: int | float) -> dict[str, Any]:
    """Return the kept score as a test; as hidden as the hidden checks are, since it tells the total."""
    report = manifest.report
    visibility = "visible"
    if gradescope.hides_total(manifest):
        visibility = report.hidden_visibility if report.hidden_visibility != "visible" else report.public_visibility
    return {
        "name": "Score of the last graded submission",
        "score": score,
        "max_score": manifest.points,
        "visibility": visibility,
    }
