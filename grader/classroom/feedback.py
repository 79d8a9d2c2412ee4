"""Write each submission's feedback: a page for its students, and the results.json that Gradescope reads."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..course.manifest import Manifest
from ..course.schema import Late
from ..files import new_folder
from ..results import gradescope
from ..results.record import write_atomically
from ..results.summary import count_noun
from .gradebook import count_days
from .page import clean, render_template
from .view import StoredSubmission, StoreView

HIDDEN_NOW = "Some checks are not shown here yet."
LATER = ("after_published", "after_due_date")


def write_feedback(store: StoreView, manifest: Manifest, folder: Path, published: bool) -> int:
    """Write a page for the students and a Gradescope results.json for each submission, and return how many.

    A page holds what its students may see now: `published` says that grades are. Raise OutputError where something is
    there already.
    """
    with new_folder(folder) as aside:
        return _write_all(store, manifest, aside, published)


def _write_all(store: StoreView, manifest: Manifest, folder: Path, published: bool) -> int:
    taken: set[str] = set()
    for one in store.submissions():
        record = store.record(one.id) if one.state.counts else None
        if record is None:
            continue
        name = re.sub(r"[^\w.-]+", "_", one.key).strip(".")[:100] or "submission"
        name = name if name.casefold() not in taken else f"{name}-{one.id}"
        taken.add(name.casefold())
        results = gradescope.render(record, manifest)
        write_atomically(folder / name / "results.json", results)
        page = render_feedback(json.loads(results), one, manifest, published)
        write_atomically(folder / name / "feedback.html", page)
    return len(taken)


def render_feedback(results: dict[str, Any], one: StoredSubmission, manifest: Manifest, published: bool) -> bytes:
    """Return a student's page: what Gradescope would show them, and no more."""
    shown = {"visible", *(LATER if published else _list_due(manifest.late))}
    tests = [test for test in results["tests"] if test["visibility"] in shown]
    whole = len(tests) == len(results["tests"])
    return render_template(
        "feedback",
        title=clean(manifest.title),
        people=clean(one.names),
        total=f"{results['score']:g} of {manifest.points:g} points" if whole else "",
        late=_describe_late(manifest.late, one),
        output=results["output"],
        tests=tests,
        hidden="" if whole else HIDDEN_NOW,
    )


def _list_due(late: Late) -> Sequence[str]:
    over = bool(late.due) and datetime.fromisoformat(late.due) < datetime.now(UTC)
    return ["after_due_date"] if over else []


def _describe_late(late: Late, one: StoredSubmission) -> str:
    days = count_days(late, one.submitted)[1]
    if not days:
        return ""
    return f"Handed in late, {count_noun(days, 'day')} begun: {min(late.per_day * days, late.cap):g} % of the points."
