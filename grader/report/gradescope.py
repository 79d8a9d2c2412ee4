"""The record as Gradescope's results.json."""

import json
from typing import Any

from ..manifest import Manifest
from ..record import Check, Record


def render(record: Record, manifest: Manifest) -> bytes:
    """The whole file; where hidden checks hide the total from students, `output` holds the public subtotal."""
    result = {
        "score": record.score,
        "execution_time": round(record.seconds, 2),
        "output": _output(record),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_test(check, manifest) for check in record.checks],
        "leaderboard": [],
        "extra_data": {"complete": record.complete, "isolation": record.isolation, "environment": record.environment},
    }
    return json.dumps(result, indent=2).encode()


def _test(check: Check, manifest: Manifest) -> dict[str, Any]:
    hidden = check.visibility == "hidden"
    return {
        "name": f"{check.question} {check.title}",
        "number": check.id,
        "score": check.score,
        "max_score": check.points,
        "status": "passed" if check.outcome == "passed" else "failed",
        "output": check.message if check.outcome == "passed" else f"{check.outcome.replace('_', ' ')}: {check.message}",
        "tags": [check.question, *check.function.split(", ")],
        "visibility": manifest.report.hidden_visibility if hidden else manifest.report.public_visibility,
    }


def _output(record: Record) -> str:
    public = [check for check in record.checks if check.visibility == "public"]
    score, most = sum(check.score for check in public), sum(check.points for check in public)
    lines = [f"Published checks: {score:g} of {most:g} points."] if public else []
    if not record.complete:
        lines.insert(0, "Grading did not finish; the points are those of the checks that have run.")
    return "\n".join([*lines, *record.notes])
