"""Write what students get: their marks as a table for a platform or a spreadsheet, and their feedback as a page."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Context
from fractions import Fraction
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from ..course.manifest import Manifest
from ..course.schema import Late, to_fraction
from ..errors import UsageError
from ..files import claim, digest_files, make_printable, renew_folder, write_atomically
from ..results import gradescope
from ..results.summary import clean_text, count_noun
from .page import render_template
from .sheets import PLATFORMS, fill_sheet, list_names, read_sheet
from .store import say_command
from .view import Person, State, StoredSubmission, StoreView, identify

DAY = timedelta(days=1)
FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r\n]")
NUMBER = re.compile(r"-?\s*|[+-]?[\d.,]+%?")
HIDDEN_NOW = "Some checks are not shown here yet."
LATER = ("after_published", "after_due_date")
GRADESCOPE = ["First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points", "Status"]
GRADESCOPE += ["Submission ID", "Submission Time", "Lateness (H:M:S)", "View Count", "Submission Count"]
OWN = ["Name", "SID", "Email", "User", "Submission", "State", "Submitted", "Days late", "Points", "Deduction", "Mark"]
OWN += ["Max", "Held"]


@dataclass(frozen=True)
class Mark:
    """One person's mark: the points of the submission that counts, less what its days late cost."""

    person: Person
    submission: StoredSubmission
    lateness: timedelta
    days: int
    deduction: Fraction

    @property
    def points(self) -> Fraction:
        """Return the points that are left, none at least."""
        return max(Fraction(0), to_fraction(self.submission.score) - self.deduction)


def find_marks(store: StoreView, late: Late) -> list[Mark]:
    """Return everybody's mark, in the order of the submissions; who stands on several gets the latest one's.

    Who has no mark for the latest has none: an older one is not shown in its place.
    """
    marks: dict[object, Mark] = {}
    known: dict[object, list[Person]] = {}
    found = store.submissions()
    names = identify(person for one in found for person in one.people)
    for one in found:
        if one.state is not State.SUPERSEDED:
            lateness, days = count_days(late, one.submitted)
            deduction = min(to_fraction(late.per_day) * days, to_fraction(late.cap)) / 100 * to_fraction(one.max_score)
            for place, person in enumerate(one.people or (Person(one.key),)):
                who = names.get(person) or (one.id, place)
                mark = Mark(person, one, lateness, days, deduction)
                marks[who] = max(marks.get(who, mark), mark, key=_order)
                known.setdefault(who, []).append(person)
    counted = {who: mark for who, mark in marks.items() if mark.submission.state.counts}
    return [replace(mark, person=_complete(mark.person, known[who])) for who, mark in counted.items()]


def _complete(person: Person, known: Sequence[Person]) -> Person:
    """Return a person with the IDs that stand on their other submissions only."""
    facts = ((name, next(filter(None, (getattr(one, name) for one in [person, *known])), "")) for name in vars(person))
    return Person(**dict(facts))


def count_days(late: Late, submitted: str) -> tuple[timedelta, int]:
    """Return how long after the due time it was handed in, and how many days begun count; none within the grace."""
    if not late.due or not submitted:
        return timedelta(), 0
    lateness = max(timedelta(), datetime.fromisoformat(submitted) - datetime.fromisoformat(late.due))
    if lateness <= timedelta(minutes=late.grace_minutes):
        return lateness, 0
    return lateness, -(-lateness // DAY)


def _order(mark: Mark) -> tuple[datetime, bool, int | float]:
    one = mark.submission
    time = datetime.fromisoformat(one.submitted) if one.submitted else datetime.min.replace(tzinfo=UTC)
    return time, one.state.counts, one.score


def list_troubles(store: StoreView, marks: Sequence[Mark], late: Late) -> Iterator[str]:
    """Yield what a person should know before they trust the marks."""
    failed = [one.names for one in store.submissions() if not one.state.counts and one.state is not State.SUPERSEDED]
    if failed:
        yield f"no mark yet, since not graded: {list_names(failed)}"
    unsure = _list_called_alike(marks)
    if unsure:
        yield f"called alike, and no ID says whether they are one person, so each has a mark: {list_names(unsure)}"
    own = list({mark.submission.id: mark.submission for mark in marks}.values())  # those of a group only once
    most = store.batch().max_score
    other = [one.names for one in own if one.max_score != most]
    if other:
        command = say_command(store.file.parent, "regrade", "--changed")
        yield f"of another maximum than {most:g}: {list_names(other)}; {command}"
    held = [one.names for one in own if one.held]
    if held:
        yield f"points held by grader errors are not in the marks: {list_names(held)}"
    unknown = [one.names for one in own if one.late and not one.submitted]
    if unknown:
        yield f"late at a time that the export does not tell, nothing deducted: {list_names(unknown)}"
    untold = [one.names for one in own if not one.late and not one.submitted]
    if untold and late.per_day and store.batch().kind != "canvas":  # which marks whoever is late
        yield f"the export tells no time, so nothing is deducted for days late: {list_names(untold)}"
    unjudged = [one.names for one in own if one.late and one.submitted]
    if unjudged and not late.due:
        yield f"late, and the manifest has no [late] that says what it costs: {list_names(unjudged)}"
    cost = sum(mark.deduction > 0 for mark in marks)
    if cost:
        yield f"{count_noun(cost, 'mark')} lowered for days late"


def _list_called_alike(marks: Sequence[Mark]) -> list[str]:
    """Return the names that several people have of whom no two IDs of a kind differ."""
    people: dict[str, list[Person]] = {}
    for mark in marks:
        if mark.person.name:
            people.setdefault(mark.person.name.casefold(), []).append(mark.person)
    pairs = (pair for own in people.values() for pair in combinations(own, 2))
    return list(dict.fromkeys(one.name for one, other in pairs if (one.ids | other.ids) == (other.ids | one.ids)))


def list_own(store: StoreView, marks: Sequence[Mark]) -> Iterator[list[str]]:
    """Yield the lines of a table of our own: who, when, and points in all and by question."""
    scores, questions = store.question_scores(), list(dict.fromkeys(check.question for check in store.checks()))
    yield [*OWN, *questions]
    for mark in marks:
        person, one = mark.person, mark.submission
        who = [person.name, person.sid, person.email, person.user, one.key, one.state.value, one.submitted]
        points = [to_fraction(one.score), mark.deduction, mark.points]
        points += [to_fraction(one.max_score), to_fraction(one.held)]
        by_question = [spell(scores.get(one.id, {}).get(name, Fraction(0))) for name in questions]
        yield [*who, str(mark.days), *map(spell, points), *by_question]


def list_gradescope(store: StoreView, marks: Sequence[Mark]) -> Iterator[list[str]]:
    """Yield the lines of Gradescope's table of one assignment's scores."""
    yield GRADESCOPE
    for mark in marks:
        first, _, last = mark.person.name.rpartition(" ")
        one, seconds = mark.submission, int(mark.lateness.total_seconds())
        lateness = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        number = one.key.removeprefix("submission_")
        who = [first or last, last if first else "", mark.person.sid, mark.person.email, ""]
        most = spell(to_fraction(one.max_score))
        yield [*who, spell(mark.points), most, "Graded", number, one.submitted, lateness, "0", "1"]


def write_table(lines: Iterable[list[str]], out: Path, delimiter: str = ",", coding: str = "utf-8") -> None:
    """Write lines as CSV in which no text is a formula."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([[disarm(cell) for cell in line] for line in lines])
    write_atomically(out, text.getvalue().encode(coding))


def disarm(cell: str) -> str:
    """Return text that a spreadsheet takes for text: with an apostrophe where it would be a formula."""
    if NUMBER.fullmatch(cell) or not FORMULA.match(cell):
        return cell
    return f"'{cell}"


def _is_own(out: Path, folder: Path, content: bytes) -> bool:
    """Return whether a file was written by this command: as its content tells, or its name in the class's folder."""
    named = out.name in {f"gradebook-{form}.csv" for form in (*TABLES, *PLATFORMS)}
    return content.startswith(",".join(OWN).encode()) or (named and out.resolve().parent == folder.resolve())


def spell(points: Fraction) -> str:
    """Return points as their exact decimal spelling."""
    value = Context(prec=50).divide(points.numerator, points.denominator)
    return f"{value.normalize():f}"


WITHOUT_IDS = {
    "folder": "a folder gives names only",
    "canvas": "Canvas's files give only its own",
    "moodle": "Moodle's files give only its own",
    "gradescope": "Gradescope's metadata name neither number nor address",
}
TABLES = {"csv": list_own, "gradescope": list_gradescope}


def write_gradebook(
    store: StoreView, late: Late, form: str, out: Path, into: Path | None = None, column: str = ""
) -> Iterator[str]:
    """Write a gradebook of one of TABLES, or fill one of PLATFORMS, and yield what to tell of it.

    The file that was given stays as it is. Raise UsageError where it does not fit, OutputError where `out` is taken.
    """
    marks = find_marks(store, late)
    if not marks:
        raise UsageError("nobody has a mark yet; grade the class first: python -m grader class grade SOURCE")
    claim(out, "gradebook of this command's", [into] if into else [], mine=partial(_is_own, out, store.file.parent))
    if form in TABLES:
        write_table(TABLES[form](store, marks), out)
        yield f"written: {out} ({count_noun(len(marks), 'mark')})"
    else:
        platform, batch = PLATFORMS[form], store.batch()
        own = {} if form == batch.kind else {"user": ""}  # another platform's number is somebody else's there
        points = [(replace(mark.person, **own), spell(mark.points)) for mark in marks]
        if not any(person.ids for person, _ in points):
            remedy = f"grade the submissions that {platform.name} lets you download, into another --folder"
            why = f"no mark has an ID that {platform.name} knows, since {WITHOUT_IDS[batch.kind]}"
            raise UsageError(f"{why}; {remedy}, or enter the marks of --format csv by hand")
        if into is None:
            raise UsageError(f"give the gradebook of {platform.name} to fill with --into; {platform.how}")
        sheet = read_sheet(into)
        filled = fill_sheet(sheet, platform, points, batch.assignment, to_fraction(batch.max_score), column)
        write_table([sheet.header, *sheet.rows.values()], out, sheet.delimiter, sheet.coding)
        count = f"{len(marks) - len(filled.absent) - len(filled.kept)} of {count_noun(len(marks), 'mark')}"
        yield f"written: {out} ({count} in {make_printable(filled.column)}, by ID)"
        if filled.absent:
            yield f"not in {into}: {list_names(filled.absent)}"
        if filled.kept:
            yield f"excused or not assigned there, so kept: {list_names(filled.kept)}"
    yield from list_troubles(store, marks, late)


def write_feedback(store: StoreView, manifest: Manifest, folder: Path, published: bool) -> str:
    """Write a page for the students and a Gradescope results.json for each submission, and return how many changed.

    A page holds what its students may see now: `published` says that grades are. What was written there before is
    replaced as a whole. Raise OutputError where anything there is not of this command, or was changed since.
    """
    with renew_folder(folder) as (aside, before):
        _write_all(store, manifest, aside, published)
        return _compare(before, digest_files(aside))


def _write_all(store: StoreView, manifest: Manifest, folder: Path, published: bool) -> None:
    taken: set[str] = set()
    for one in store.submissions():
        record = store.record(one.id) if one.state.counts else None
        if record is None:
            continue
        name = re.sub(r"[^\w.-]+", "_", one.key).strip(".")[:100] or "submission"
        while name.casefold() in taken:
            name += f"-{one.id}"
        taken.add(name.casefold())
        results = gradescope.render_results(record, manifest)
        write_atomically(folder / name / "results.json", results)
        page = render_feedback(json.loads(results), one, manifest, published)
        write_atomically(folder / name / "feedback.html", page)


def _compare(before: dict[str, str], after: dict[str, str]) -> str:
    """Return how many submissions' files are new, changed, as before and removed."""
    old, new = ({name.partition("/")[0] for name in files} for files in (before, after))
    changed = {name.partition("/")[0] for name in after if before.get(name) != after[name]}
    counts = {"new": len(new - old), "changed": len(changed & old), "as before": len(new - changed)}
    parts = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    gone = f"; {len(old - new)} removed, which {'has' if len(old - new) == 1 else 'have'} no mark any more"
    return f"{count_noun(len(new), 'submission')}: {parts}{gone if old - new else ''}"


def render_feedback(results: dict[str, Any], one: StoredSubmission, manifest: Manifest, published: bool) -> bytes:
    """Return a student's page: what Gradescope would show them, and no more."""
    shown = {"visible", *(LATER if published else _list_due(manifest.late))}
    tests = [test for test in results["tests"] if test["visibility"] in shown]
    whole = len(tests) == len(results["tests"])
    return render_template(
        "feedback",
        title=clean_text(manifest.title),
        people=clean_text(one.names),
        total=f"{results['score']:g} of {one.max_score:g} points" if whole else "",
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
