"""Renders the record as Gradescope's results.json."""

import json
import re
import unicodedata
from typing import Any

from ..course.manifest import Manifest
from ..limits import REPORT_TEXT_CHARACTERS
from .record import CheckResult, Outcome, Record, total
from .summary import explain_held, held_of

UNFINISHED = "Grading did not finish; the points are those of the checks that have run."
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}  # they reorder the text around them


def render(record: Record, manifest: Manifest) -> bytes:
    """Return the whole file; where hidden checks hide the total from students, `output` holds the public subtotal."""
    tests = [_test(check, manifest) for check in record.checks]
    broken = [check.id for check in record.checks if check.held]
    facts = {
        "held": record.held,
        "held_checks": broken,
        "complete": record.complete,
        "isolation": record.isolation,
        "environment": record.environment,
    }
    standings = [{"name": text(s.name), "value": s.value, "order": s.order} for s in record.leaderboard]
    return encode(record.score, _output(record, manifest), tests, facts, record.seconds, standings)


def encode(
    score: int | float,
    output: str,
    tests: list[dict[str, Any]],
    facts: dict[str, Any],
    seconds: float = 0.0,
    leaderboard: list[dict[str, Any]] | None = None,
) -> bytes:
    """Return the file from its parts; `facts` is for the staff."""
    result = {
        "score": score,
        "execution_time": round(seconds),  # finer, it would be a message that a submission may send to its author
        "output": text(output),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "leaderboard": leaderboard or [],
        "extra_data": facts,
    }
    return json.dumps(result, indent=2, allow_nan=False).encode()


def text(words: str) -> str:
    """Return words as plain text: without terminal escapes, control and turning characters, and of bounded length."""
    words = ESCAPES.sub("", words).replace("\r\n", "\n")
    kept = (c for c in words if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and ord(c) not in TURNING))
    words = "".join(kept)
    more = len(words) - REPORT_TEXT_CHARACTERS
    return words if more <= 0 else f"{words[:REPORT_TEXT_CHARACTERS]} … ({more:,} characters more)"


def hides_total(manifest: Manifest) -> bool:
    """Return whether students do not see their total, since some checks are not shown to them at once."""
    report = manifest.report
    shown = {report.public_visibility} | {report.hidden_visibility for q in manifest.questions if q.hidden_points}
    return shown != {"visible"}


def _test(check: CheckResult, manifest: Manifest) -> dict[str, Any]:
    hidden, passed = check.visibility == "hidden", check.outcome is Outcome.PASSED
    return {
        "name": text(f"{check.question} {check.title}"),
        "number": check.id,
        "score": check.score,
        "max_score": check.points,
        "status": "passed" if passed else "failed",
        "output": text(check.message if passed else f"{check.outcome.word}: {check.message}"),
        "tags": [check.question, *check.functions],
        "visibility": manifest.report.hidden_visibility if hidden else manifest.report.public_visibility,
    }


def _output(record: Record, manifest: Manifest) -> str:
    public = [check for check in record.checks if check.visibility == "public"]
    lines = [sentence for sentence in (explain_held(record), "" if record.complete else UNFINISHED) if sentence]
    left = sum(not check.run for check in record.checks)
    if left:
        lines.append(f"{left} of {len(record.checks)} checks were not run: the time was used up by those before.")
    if public and hides_total(manifest):
        points = f"{total(c.score for c in public)} of {total(c.points for c in public)} points"
        lines.append(f"Published checks: {points}{held_of(public)}.")
    return "\n".join([*lines, *(note.text for note in record.notes)])
