"""How often a submission counts: told from the times in Gradescope's metadata, never from the clock."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from ..course.manifest import Manifest, to_number
from ..course.validation import parse_rate
from ..results import gradescope


def refusal(manifest: Manifest, metadata: dict[str, Any]) -> bytes | None:
    """The results.json of a submission that comes too soon, or None when it is to be graded.

    It keeps the score of the last graded submission, since the newest submission is the one that stands. Submissions
    that were themselves refused, or that the autograder failed on, do not count; nor do those without a usable time.
    """
    if not manifest.container.rate_limit:
        return None
    number, window = parse_rate(manifest.container.rate_limit)
    now = _time(metadata.get("created_at"))
    earlier = [entry for entry in _entries(metadata) if _counts(entry)]
    times = sorted(time for time in (_time(entry.get("submission_time")) for entry in earlier) if time)
    recent = [time for time in times if now and timedelta() <= now - time < window]
    if now is None or len(recent) < number:
        return None
    when = (recent[-number] + window).astimezone(now.tzinfo)
    sentences = [
        f"Not graded: this course grades {manifest.container.rate_limit}.",
        f"The next submission counts from {when:%Y-%m-%d %H:%M:%S} (UTC{when:%z}) on.",
    ]
    score = _score(earlier)
    if score is None:
        return gradescope.encode(0, "\n".join([*sentences, "No earlier score is known."]), [], {"rate_limited": True})
    sentences.append("The score of the last graded submission stays.")
    return gradescope.encode(score, "\n".join(sentences), [_kept(manifest, score)], {"rate_limited": True})


def _entries(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    entries = metadata.get("previous_submissions")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _counts(entry: dict[str, Any]) -> bool:
    """Whether an earlier submission was graded."""
    results = entry.get("results")
    facts = results.get("extra_data") if isinstance(results, dict) else None
    limited = isinstance(facts, dict) and facts.get("rate_limited") is True
    return entry.get("autograder_error") is not True and not limited


def _time(text: Any) -> datetime | None:
    """A time with its zone, UTC where none is given; None for what is no time."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _score(graded: list[dict[str, Any]]) -> int | float | None:
    """The score of the latest of these, Gradescope's list being in any order."""
    scored = [(time, _number(e.get("score"))) for e in graded if (time := _time(e.get("submission_time")))]
    known = [(time, score) for time, score in scored if score is not None]
    return max(known)[1] if known else None


def _number(value: Any) -> int | float | None:
    """Gradescope writes scores as text, `"95.0"`."""
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return (int(score) if score.is_integer() else score) if score - score == 0 else None


def _kept(manifest: Manifest, score: int | float) -> dict[str, Any]:
    """The kept score as a test; as hidden as the hidden checks are, since it tells the total."""
    report = manifest.report
    visibility = "visible"
    if gradescope.hides_total(manifest):
        visibility = report.hidden_visibility if report.hidden_visibility != "visible" else report.public_visibility
    most = to_number(sum((question.points for question in manifest.questions), Fraction(0)))
    return {
        "name": "Score of the last graded submission",
        "score": score,
        "max_score": most,
        "visibility": visibility,
    }
