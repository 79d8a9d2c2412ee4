"""Made-up classes: stores filled with invented records, without grading anything."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from grader.classroom.sources import ExportedSubmission
from grader.classroom.store import Store
from grader.classroom.view import Batch, JobEnding, Person, State
from grader.results.record import CheckResult, Hint, Note, NoteKind, Outcome, QuestionScore, Record, sum_points

HOSTILE = [  # names and texts that mean something to HTML, to a spreadsheet, to SQL and to a terminal
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://example.org","click")',
    "+1+1",
    "-2+3",
    "@SUM(A1:A9)",
    "\t=1+1",
    "Robert'); DROP TABLE submission;--",
    "\x1b[31mred\x1b[0m",
    "\u202egnp.exe",
    'line\nbreak, comma "quote"',
    "Zoë Ünsal-Nguyễn 王小明",
]
FIRST = ["Ada", "Alan", "Barbara", "Donald", "Edsger", "Emmy", "Frances", "Grace", "Hedy", "John", "Katherine", "Kurt"]
LAST = ["Allen", "Church", "Dijkstra", "Hamilton", "Hopper", "Knuth", "Lamarr", "Liskov", "Lovelace", "Noether"]
HINTS = [
    Hint(id="layers.mean_of_wrong_axis", sentence="The mean is over the batch, axis 0, not over features."),
    Hint(id="layers.forgot_bias", sentence="The bias is added to each row.", section="1_FullyConnectedNets, Affine"),
    Hint(id="layers.hostile", sentence="<script>alert(2)</script> is no sentence."),
]
DUE = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)


def fill_store(
    folder: Path, count: int, checks: int = 40, seed: int = 0, hostile: bool = False, names: Sequence[str] = ()
) -> Store:
    """Make a store of `count` invented submissions with `checks` checks in six questions, and return it open.

    Every tenth is late, every fifteenth is a group of two, every fortieth is refused, every fiftieth failed in the
    grader, every sixtieth has points held. Better students pass more checks, and checks differ in difficulty. With
    `hostile`, names and messages are those of HOSTILE. `names` are the people of the first ones.
    """
    draw = random.Random(seed)
    catalogue = [_check(number, checks) for number in range(checks)]
    batch = Batch("A made assignment", sum_points(c.points for c in catalogue), "gradescope", folder, ("00" * 16,) * 2)
    store = Store.create(folder, batch)
    entries = [_entry(number, folder, draw, hostile, names) for number in range(count)]
    store.add(entries)
    version = store.add_version({"engine": "made", "manifest": "made"})
    run = store.begin_run(DUE.isoformat(), count)
    difficulty = [draw.gauss(0, 1.2) for _ in catalogue]
    for start in range(0, count, 200):
        part = range(start, min(start + 200, count))
        store.finish([_end(n, entries[n].key, catalogue, difficulty, draw, hostile, version, run) for n in part])
    store.end_run(run, (DUE + timedelta(hours=1)).isoformat())
    return store


def _check(number: int, count: int) -> CheckResult:
    question = 1 + number * 6 // count
    hidden = number % 5 == 4
    return CheckResult(
        id=f"{'hidden/' * hidden}q{question}_made/check_{number}",
        title=f"function_{number // 4} returns the right thing, number {number}",
        functions=[f"layers.function_{number // 4}"],
        question=f"Q{question}",
        visibility="hidden" if hidden else "public",
        points=0.5 if number % 3 else 1,
        score=0,
        outcome=Outcome.FAILED,
    )


def _entry(number: int, folder: Path, draw: random.Random, hostile: bool, names: Sequence[str]) -> ExportedSubmission:
    def person(place: int) -> Person:
        name = f"{draw.choice(FIRST)} {draw.choice(LAST)} {place}"
        name = HOSTILE[place % len(HOSTILE)] if hostile else names[place] if place < len(names) else name
        return Person(name, f"s{place:06}", f"s{place:06}@example.org", str(10_000 + place))

    late = number % 10 == 9
    handed_in = DUE + timedelta(hours=draw.uniform(0.5, 40) if late else -draw.uniform(1, 60))
    people = tuple(person(place) for place in ([number, number + 1_000_000] if number % 15 == 14 else [number]))
    key = f"submission_{100_000 + number}"
    return ExportedSubmission(
        key, folder / key, people, handed_in.isoformat(timespec="seconds"), late, f"{number:064x}"
    )


def _end(
    number: int,
    key: str,
    catalogue: list[CheckResult],
    difficulty: list[float],
    draw: random.Random,
    hostile: bool,
    version: int,
    run: int,
) -> JobEnding:
    finished = (DUE + timedelta(seconds=number)).isoformat(timespec="seconds")
    if number % 50 == 49:
        problem = HOSTILE[number % len(HOSTILE)] if hostile else "its worker was killed twice"
        return JobEnding(key, State.FAILED, None, problem, version, run, finished)
    record = Record(assignment="A made assignment", command="grade", submission=key, complete=True)
    record.max_score = sum_points(check.points for check in catalogue)
    if number % 40 == 39:
        record.notes = [Note(NoteKind.REFUSED, "The submission was not graded: x.zip is not a whole zip file.")]
        return JobEnding(key, State.REFUSED, record, "", version, run, finished)
    ability = draw.gauss(0.8, 1)
    record.checks = [
        _judge(check, ability - hard, place, draw, hostile)
        for place, (check, hard) in enumerate(zip(catalogue, difficulty, strict=True))
    ]
    if number % 60 == 59:
        first = record.checks[0]
        first.outcome, first.score, first.held = Outcome.GRADER_ERROR, 0, first.points
    record.questions = list(_sum_questions(record.checks))
    record.score = sum_points(check.score for check in record.checks)
    record.held = sum_points(check.held for check in record.checks)
    record.seconds, record.cpu_seconds = round(draw.uniform(8, 20), 3), round(draw.uniform(6, 12), 3)
    return JobEnding(key, State.GRADED, record, "", version, run, finished)


def _judge(check: CheckResult, lead: float, place: int, draw: random.Random, hostile: bool) -> CheckResult:
    passed = draw.gauss(lead, 1) > 0
    wrong = draw.choices([Outcome.FAILED, Outcome.BLOCKED, Outcome.NOT_ATTEMPTED, Outcome.TIMEOUT], [8, 2, 3, 1])[0]
    outcome = Outcome.PASSED if passed else wrong
    message = "" if passed else f"returned other values: largest error {draw.random():.3f}"
    return CheckResult(
        id=check.id,
        title=check.title,
        functions=check.functions,
        question=check.question,
        visibility=check.visibility,
        points=check.points,
        score=check.points if passed else 0,
        outcome=outcome,
        message=HOSTILE[place % len(HOSTILE)] if hostile and not passed else message,
        misconception=HINTS[place % 3] if not passed and wrong is Outcome.FAILED and place % 4 == 1 else None,
        error=None if passed else draw.random(),
        seconds=round(draw.uniform(0.005, 0.1), 4) + 10 * (outcome is Outcome.TIMEOUT),
    )


def _sum_questions(checks: list[CheckResult]) -> Iterator[QuestionScore]:
    for name in dict.fromkeys(check.question for check in checks):
        own = [check for check in checks if check.question == name]
        score, most = sum_points(check.score for check in own), sum_points(check.points for check in own)
        yield QuestionScore(id=name, title=f"Question {name}", score=score, max_score=most)
