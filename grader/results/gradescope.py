"""Renders the record as Gradescope's results.json."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..course.manifest import Manifest
from ..limits import SENTENCE_CHARACTERS
from .record import CheckResult, NoteKind, Outcome, Record, sum_points
from .summary import (
    by_function,
    clean_text,
    count_noun,
    count_passed,
    explain_causes,
    explain_held,
    held_of,
    is_wrong,
    list_hints,
    list_notes,
    lost_of,
)

UNFINISHED = "Grading did not finish; the points are those of the checks that have run."
TRY = "To run one check alone: python -m grader check -k {}"
FIRST = (NoteKind.REFUSED, NoteKind.GRADER_ERROR)  # notes without which nothing below them makes sense
NAMED = 4  # functions that are named where they are not written; more are counted


@dataclass(frozen=True)
class Row:
    """One test of Gradescope's: checks of one question and one visibility."""

    number: str
    name: str
    checks: list[CheckResult]

    @property
    def passed(self) -> bool:
        return all(check.outcome is Outcome.PASSED for check in self.checks)


def render_results(record: Record, manifest: Manifest, failures: Mapping[str, int] | None = None) -> bytes:
    """Return the whole file; where hidden checks hide the total from students, `output` holds the public subtotal.

    `failures`, counted by function up to this run, are there for the next one.
    """
    rows = make_rows(record, manifest)
    facts = {
        "held": record.held,
        "held_checks": [check.id for check in record.checks if check.held],
        "complete": record.complete,
        "isolation": record.isolation,
        "environment": record.environment,
        "failures": dict(failures or {}),
    }
    standings = [{"name": clean_text(s.name), "value": s.value, "order": s.order} for s in record.leaderboard]
    tests = [_test(row, manifest) for row in rows]
    return encode(record.score, _output(record, rows, manifest), tests, facts, record.seconds, standings)


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
        "output": clean_text(output),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "leaderboard": leaderboard or [],
        "extra_data": facts,
    }
    # laid out by msgspec, since json itself takes ten times as long to do that
    return msgspec.json.format(json.dumps(result, allow_nan=False).encode(), indent=2)


def hides_total(manifest: Manifest) -> bool:
    """Return whether students do not see their total, since some checks are not shown to them at once."""
    report = manifest.report
    shown = {report.public_visibility} | {report.hidden_visibility for q in manifest.questions if q.hidden_points}
    return shown != {"visible"}


def make_rows(record: Record, manifest: Manifest) -> list[Row]:
    """Return the rows, numbered within each question, its hidden ones last.

    A row holds the checks of a function, or one check, as `[report] rows` says.
    """
    rows: list[Row] = []
    for place, question in enumerate(manifest.questions, 1):
        own = [check for check in record.checks if check.question == question.id]
        groups = [group for hidden in (False, True) for group in _group(own, hidden, manifest.report.rows)]
        rows += [Row(f"{place}.{i}", f"{question.id} {name}", checks) for i, (name, checks) in enumerate(groups, 1)]
    return rows


def _group(checks: list[CheckResult], hidden: bool, rows: str) -> list[tuple[str, list[CheckResult]]]:
    """Return the checks of one visibility, grouped into rows that have a name."""
    own = [check for check in checks if (check.visibility == "hidden") is hidden]
    if rows == "check":
        return [(check.title, [check]) for check in own]
    mark = " (hidden checks)" if hidden else ""
    return [(f"{functions}{mark}", group) for functions, group in by_function(own).items()]


def _test(row: Row, manifest: Manifest) -> dict[str, Any]:
    first, report = row.checks[0], manifest.report
    return {
        "name": clean_text(row.name),
        "number": row.number,
        "score": sum_points(check.score for check in row.checks),
        "max_score": sum_points(check.points for check in row.checks),
        "status": "passed" if row.passed else "failed",
        "output": clean_text(_describe_check(first) if report.rows == "check" else describe_row(row.checks)),
        "tags": [first.question, *first.functions],
        "visibility": report.hidden_visibility if first.visibility == "hidden" else report.public_visibility,
        "extra_data": {"checks": {check.id: check.score for check in row.checks}},
    }


def _describe_check(check: CheckResult) -> str:
    """Return what a row of one check says; its claim is the row's name."""
    if check.outcome is Outcome.PASSED:
        return ""
    return "\n".join([f"{_word(check)}{held_of([check])}: {_sentence(check)}", *_hint([check])])


def describe_row(checks: Sequence[CheckResult]) -> str:
    """Return how many checks passed, then each sentence or exception once, below the claims that it is about.

    A check that was not judged made no claim, so such checks are counted.
    """
    groups: dict[tuple[str, str], list[CheckResult]] = {}
    for check in checks:
        if check.outcome is not Outcome.PASSED:
            groups.setdefault((_word(check), check.raised or _sentence(check)), []).append(check)
    parts = [_count_passed(checks)]
    for (word, _), group in groups.items():
        count = f"{word}, {count_noun(len(group), 'check')}" if len(group) > 1 else word
        told = _shorten(_sentence(group[0]))
        if _is_judged(group[0]):
            claims = [f"✗ {check.title} ({lost_of([check])}){_show_id(check)}" for check in group]
            parts.append("\n".join([*claims, f"{count}: {told}", *_hint(group)]))
        else:
            parts.append(f"{count} ({lost_of(group)}): {told}")
            parts = parts[-1:] if len(group) == len(checks) else parts
    return "\n\n".join(parts[-1:] if len(checks) == 1 else parts)


def _hint(checks: Sequence[CheckResult]) -> list[str]:
    return [f"hint: {words}" for words in list_hints(checks)]


def _count_passed(checks: Sequence[CheckResult]) -> str:
    passed = count_passed(checks)
    if passed == len(checks):
        return f"All {count_noun(len(checks), 'check')} passed." if passed > 1 else "1 check passed."
    return f"{passed} of {count_noun(len(checks), 'check')} passed{held_of(checks)}."


def _is_judged(check: CheckResult) -> bool:
    """Return whether a check that did not pass got as far as its claim."""
    return check.failed or check.outcome is Outcome.GRADER_ERROR


def _show_id(check: CheckResult) -> str:
    """Return the id to run a check by at home; nothing for one that students do not have."""
    return f"  {check.short_id}" if check.visibility == "public" else ""


def _word(check: CheckResult) -> str:
    return Outcome.BLOCKED.word if check.cause else check.outcome.word


def _sentence(check: CheckResult) -> str:
    return f"waits for {check.cause}, see the top" if check.cause else check.message


def _shorten(words: str) -> str:
    """Return words in bounded length; their further lines are indented, so that none passes for the report's own."""
    return clean_text(words, SENTENCE_CHARACTERS).replace("\n", "\n    ")


def _output(record: Record, rows: list[Row], manifest: Manifest) -> str:
    """Return the text above the rows: what is wrong as a whole, the public subtotal, what to do next."""
    public = [check for check in record.checks if check.visibility == "public"]
    parts = [_troubles(record, public), _subtotal(record, public, manifest), _next_steps(record, rows, manifest)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _troubles(record: Record, public: list[CheckResult]) -> list[str]:
    """Return what is wrong as a whole, the more of the run it spoils the earlier."""
    lines = [note.text for note in record.notes if note.kind in FIRST]
    for cause, words in zip(record.causes, explain_causes(record.causes, public), strict=True):
        lines += [_shorten(cause.message), *words.removeprefix(cause.message).strip().splitlines()]
    held = explain_held(record, for_students=True)
    lines += [sentence for sentence in (held, "" if record.complete else UNFINISHED) if sentence]
    left = sum(not check.run for check in record.checks)
    if left:
        lines.append(f"{left} of {len(record.checks)} checks were not run: the time was used up by those before.")
    return lines + [note.text for note in list_notes(record) if note.kind not in (*FIRST, NoteKind.NEXT)]


def _subtotal(record: Record, public: list[CheckResult], manifest: Manifest) -> list[str]:
    """Return the points of the published checks, where students do not see their total."""
    if not public or not hides_total(manifest):
        return []
    points = f"{sum_points(c.score for c in public)} of {sum_points(c.points for c in public)} points"
    hidden = sum_points(question.hidden_points for question in manifest.questions)
    more = f" Hidden checks are worth {count_noun(hidden, 'point')} more." if hidden else ""
    praise = ", all passed" if record.complete and count_passed(public) == len(public) else ""
    return [f"Published checks: {points}{held_of(public)}{praise}.{more}"]


def _next_steps(record: Record, rows: list[Row], manifest: Manifest) -> list[str]:
    """Return what to do next; nothing where students may not see how published checks ended."""
    if manifest.report.public_visibility != "visible":
        return []
    written = [note.text for note in record.notes if note.kind is NoteKind.NEXT]
    if record.causes:
        first = record.causes[0]
        place = first.place or f"the import of {first.module}"  # of a secret seed's, only the module is known
        return [f"Next: {'fix' if first.line else 'see to'} {place}, then hand in again.", *_count_unwritten(record)]
    stubs = (i for i, row in enumerate(rows) if any(c.outcome is Outcome.NOT_ATTEMPTED for c in row.checks))
    before = rows[: next(stubs, len(rows))] if written else rows
    return [*(_name_first_fault(rows, before) or written), *_count_unwritten(record)]


def _name_first_fault(rows: list[Row], before: list[Row]) -> list[str]:
    """Return lines on the first claim that does not hold, and on how to run its check; none if it is not `before`."""
    wrong = [row for row in rows if any(map(is_wrong, row.checks))]
    if not wrong or wrong[0] not in before:
        return []
    first = next(filter(is_wrong, wrong[0].checks))
    more = f" More to fix is in {count_noun(len(wrong) - 1, 'row')}." if wrong[1:] else ""
    fix = f"Next: fix {', '.join(first.functions)} (row {wrong[0].number}), then hand in again.{more}"
    return [fix, TRY.format(first.short_id)]


def _count_unwritten(record: Record) -> list[str]:
    """Return a line on the functions that are not written: their names where they are few, else a count."""
    stubs = [c for c in record.checks if c.visibility == "public" and c.outcome is Outcome.NOT_ATTEMPTED]
    places = {name: check.question for check in reversed(stubs) for name in check.functions}
    names = list(dict.fromkeys(name for check in stubs for name in check.functions))
    if len(names) > NAMED:
        counts = Counter(places[name] for name in names)
        each = ", ".join(f"{count} of {question}" for question, count in counts.items())
        return [f"Not written yet: {len(names)} functions ({each})."]
    return [f"Not written yet: {', '.join(names)}."] if names else []
