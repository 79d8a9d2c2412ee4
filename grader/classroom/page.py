"""Render a class as one HTML file that asks nothing of any network."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import claim, list_some, write_atomically
from ..limits import PAGE_LINES, PAGE_MISCONCEPTIONS, PAGE_NAMES, PAGE_TEXT_CHARACTERS
from ..results.record import Outcome, make_short_id
from ..results.summary import clean_text, count_noun
from .statistics import (
    FEW,
    OUTCOMES,
    Item,
    Reliability,
    ScoreTable,
    count_scores,
    describe_checks,
    describe_groups,
    estimate_reliability,
    read_table,
    select_judged,
)
from .view import KnownCheck, State, StoredSubmission, StoreView

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = Path(__file__).with_name("page.html")
BINS = 20
GENERATOR = b'<meta name="generator" content="chainrule class">'
OPEN = State.TODO, State.RUNNING, State.FAILED  # a mark is waited for
NOTES = {State.FAILED: "no mark: the grader failed", State.REFUSED: "refused"}
HEIGHTS = {  # of a cell in the heatmap, so that it can be read without colours, too; the script knows the same
    Outcome.GRADER_ERROR: 8,
    Outcome.CRASHED: 8,
    Outcome.TIMEOUT: 8,
    Outcome.FAILED: 8,
    Outcome.BLOCKED: 4,
    Outcome.NOT_ATTEMPTED: 2,
}


def render_template(kind: str, **values: Any) -> bytes:
    """Return a page of one kind; every value is text, and never becomes markup."""
    return _read_template().render(kind=kind, **values).encode("utf-8", "replace")


@cache
def _read_template() -> "Template":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"digest": _digest_script, "clean": partial(clean_text, most=PAGE_TEXT_CHARACTERS)}
    return environment.get_template(TEMPLATE.name)


def _digest_script(script: str) -> str:
    """Return what the page's policy lets run: the script of this digest and no other."""
    return f"sha256-{base64.b64encode(hashlib.sha256(str(script).encode()).digest()).decode()}"


def is_own_page(content: bytes) -> bool:
    """Return whether a file is a page of this command's, which may be written again."""
    return GENERATOR in content


def write_page(store: StoreView, out: Path) -> Path:
    """Write the page of a class. Raise OutputError where `out` is another file."""
    claim(out, "page of a class", mine=is_own_page)
    write_atomically(out, render_page(store))
    return out


def render_page(store: StoreView) -> bytes:
    """Return the page of a class: scores, questions, misconceptions, checks × students, time."""
    batch, table = store.batch(), read_table(store)
    items, questions = describe_checks(table), describe_groups(table, [check.question for check in table.checks])
    rows: list[dict[str, Any]] = [
        {"id": name_check(check), "check": check, "item": item, "timeouts": item.counts.get(Outcome.TIMEOUT, 0)}
        | {"stubs": item.counts.get(Outcome.NOT_ATTEMPTED, 0)}
        for check, item in zip(table.checks, items, strict=True)
    ]
    reliability, misconceptions = estimate_reliability(table.points), list(_list_misconceptions(store))
    everybody = store.submissions()
    return render_template(
        "class",
        title=clean_text(batch.assignment),
        subtitle=f"{count_noun(len(everybody), 'submission')}, as of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.",
        facts=list(_list_facts(table, everybody, batch.max_score, reliability)),
        looks=list(_list_looks(table, everybody, items, misconceptions)),
        histogram=_draw_histogram(table.submissions, float(batch.max_score)),
        most=f"{batch.max_score:g}",
        questions=list(_list_questions(store, table, questions)),
        worst=_list_worst(table, rows),
        misconceptions=misconceptions,
        messages=list(_list_messages(store, table.checks)),
        legend=[{"code": OUTCOMES.index(o), "height": height, "word": o.word} for o, height in HEIGHTS.items()],
        time=_describe_time(table.submissions),
        slow=sorted(rows, key=lambda row: (-row["timeouts"], -row["item"].seconds))[:PAGE_LINES],
        few=FEW if select_judged(table).sum() < FEW else 0,
        checks=rows,
        data=_make_data(table, rows, everybody),
    )


def name_check(check: KnownCheck) -> str:
    """Return a check's short id, with a mark where students do not have it."""
    name = make_short_id(check.question, check.id)
    return f"{name} (hidden)" if check.visibility == "hidden" else name


def _list_facts(
    table: ScoreTable, everybody: Sequence[StoredSubmission], most: float, reliability: Reliability | None
) -> Iterator[tuple[str, str, str]]:
    scores = [float(one.score) for one in table.submissions]
    left = sum(one.state in OPEN for one in everybody)
    yield "Graded", str(len(scores)), f"{left} without a mark" if left else ""
    if scores:
        held = sum(bool(one.held) for one in table.submissions)
        yield "Median", f"{median(scores):g}", f"of {most:g}" + (f", {held} with points held" if held else "")
        yield "Mean", f"{np.mean(scores):.1f}", f"± {np.std(scores):.1f}"
        yield "Full points", str(sum(score >= most for score in scores)), ""
    if reliability:
        yield "Alpha", f"{reliability.alpha:.2f}", f"{reliability.low:.2f} to {reliability.high:.2f}"
    yield "Late", str(sum(one.late for one in everybody if one.state is not State.SUPERSEDED)), ""


def _list_looks(
    table: ScoreTable,
    everybody: Sequence[StoredSubmission],
    items: Sequence[Item],
    misconceptions: Sequence[dict[str, Any]],
) -> Iterator[tuple[str, str]]:
    """Yield what a teacher would ask first, the most pressing first, and the names of students it is about."""
    groups = {
        "not graded yet": [one for one in everybody if one.state in (State.TODO, State.RUNNING)],
        "no mark, since the grader failed": [one for one in everybody if one.state is State.FAILED],
        "refused, with 0 points": [one for one in everybody if one.state is State.REFUSED],
        "points held by grader errors": [one for one in table.submissions if one.held],
        "late": [one for one in everybody if one.late and one.state is not State.SUPERSEDED],
    }
    for words, found in groups.items():
        if found:
            yield f"{count_noun(len(found), 'submission')}: {words}", _join(one.names for one in found)
    named = [(name_check(check), check, item) for check, item in zip(table.checks, items, strict=True)]
    checks = {
        "The grader made errors in these": [n for n, _, item in named if item.counts.get(Outcome.GRADER_ERROR)],
        "Strong students fail these more often, as with a fault": [n for n, _, item in named if item.is_reversed],
        "Nobody passes these": [name for name, check, item in named if item.share == 0 and check.points],
    }
    for words, names in checks.items():
        if names:
            yield f"{words}: {_join(names)}", ""
    if misconceptions:
        first = misconceptions[0]
        yield f"The commonest misconception, in {count_noun(first['count'], 'submission')}: {first['sentence']}", ""


def _join(names: Iterable[str]) -> str:
    return list_some([clean_text(name, 120) for name in names], PAGE_NAMES, "; ")


def _draw_histogram(found: Sequence[StoredSubmission], most: float) -> list[dict[str, Any]]:
    """Return the bars in a drawing 640 wide, whose highest is 140 high, and their upper part, whose points are held."""
    counts, held = (count_scores([float(one.score) for one in part], most, BINS) for part in (
        found, [one for one in found if one.held]
    ))  # fmt: skip
    highest, width, step = max([*counts, 1]), most / BINS, 620 / BINS
    return [
        {
            "x": 10 + step * i,
            "width": step - 2,
            "height": round(140 * count / highest, 1),
            "held": round(140 * held[i] / highest, 1),
            "count": count,
            "low": f"{width * i:g}",
            "high": f"{width * (i + 1):g}",
        }
        for i, count in enumerate(counts)
    ]


def _list_questions(store: StoreView, table: ScoreTable, questions: dict[str, Item]) -> Iterator[dict[str, Any]]:
    """Yield a question's row; its title stands in the records only, so the first one tells it."""
    judged = select_judged(table)
    first = next((one for one, has in zip(table.submissions, judged, strict=True) if has), None)
    record = store.record(first.id) if first else None
    titles = {question.id: question.title for question in record.questions} if record else {}
    for name, item in questions.items():
        points = sum(float(check.points) for check in table.checks if check.question == name)
        yield {"id": name, "title": titles.get(name, ""), "points": points, "item": item}


def _list_worst(table: ScoreTable, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the functions that cost most points, each with the check of which the least is earned, and how it ends."""
    found: list[dict[str, Any]] = []
    names = [", ".join(check.functions) for check in table.checks]
    for name, item in describe_groups(table, names).items():
        own = [row for row, other in zip(rows, names, strict=True) if other == name and row["item"].share is not None]
        points = sum(float(row["check"].points) for row in own)
        if item.share is None or item.share == 1 or not points:
            continue
        worst = min(own, key=lambda row: row["item"].share)
        counts = worst["item"].counts
        endings = Counter({one: number for one, number in counts.items() if not one.settled}).most_common(1)
        ending = "".join(f"{one.word}, {number} of {sum(counts.values())}" for one, number in endings)
        row = {"name": name, "points": points, "share": item.share, "lost": points * (1 - item.share)}
        found.append(row | {"worst": worst, "ending": ending})
    return sorted(found, key=lambda row: -row["lost"])[:PAGE_LINES]


def _list_misconceptions(store: StoreView) -> Iterator[dict[str, Any]]:
    """Yield the misconceptions that were named, the commonest first, each with the sentence that teaches."""
    for name, count, submission, *_ in store.find_commonest("misconception", PAGE_MISCONCEPTIONS):
        record = store.record(submission)
        hints = (check.misconception for check in (record.checks if record else []))
        sentence = next((hint.sentence for hint in hints if hint and hint.id == name), "")
        yield {"id": clean_text(name), "count": count, "sentence": clean_text(sentence)}


def _list_messages(store: StoreView, checks: Sequence[KnownCheck]) -> Iterator[dict[str, Any]]:
    """Yield the sentences that most submissions got."""
    names = {check.number: name_check(check) for check in checks}
    for message, count, _, check, others in store.find_commonest("message", PAGE_LINES):
        where = names[check] if others == 1 else f"{names[check]} and {count_noun(others - 1, 'check')} more"
        yield {"count": count, "where": where, "text": clean_text(message, PAGE_TEXT_CHARACTERS)}


def _describe_time(found: Sequence[StoredSubmission]) -> tuple[str, str]:
    """Return a sentence on the time of all submissions, and the name of the slowest."""
    spent = sorted(one.cpu_seconds for one in found if one.cpu_seconds)
    if not spent:
        return "No submission has been run.", ""
    words = f"A submission took {median(spent):.1f} CPU seconds (median), {spent[-1]:.1f} at most"
    slowest, hours = max(found, key=lambda one: one.cpu_seconds), sum(spent) / 3600
    total = f"{hours:.1f} hours" if hours >= 2 else f"{hours * 60:.0f} minutes"
    return f"{words}, and all {len(spent)} together {total}.", clean_text(slowest.key, 120)


def _make_data(
    table: ScoreTable, rows: Sequence[dict[str, Any]], everybody: Sequence[StoredSubmission]
) -> dict[str, Any]:
    """Return what the page's script draws from: a character a cell, the place of its outcome."""
    signs = np.array([*map(str, range(len(OUTCOMES))), "."])  # -1 is the last
    codes_of = {one.id: "".join(row) for one, row in zip(table.submissions, signs[table.outcomes], strict=True)}
    people = []
    for number, one in enumerate([one for one in everybody if one.state is not State.SUPERSEDED], 1):
        names, codes = clean_text(one.names, 120), codes_of.get(one.id, "").strip(".") and codes_of[one.id]
        texts = [names, one.key, *(text for person in one.people for text in (person.sid, person.email, person.user))]
        note = "not graded yet" if one.state in OPEN else "no results"
        people.append(
            {"name": names, "number": number, "score": one.score if one.state.counts else None, "codes": codes}
            | {"note": "" if codes else NOTES.get(one.state, note), "held": one.held, "late": one.late}
            | {"search": " ".join(texts).lower()}
        )
    checks = [
        {"id": row["id"], "title": clean_text(row["check"].title), "question": row["check"].question}
        | {"share": row["item"].share}
        for row in rows
    ]
    return {"checks": checks, "students": people, "outcomes": [outcome.word for outcome in OUTCOMES]}
