"""The result of a run as data: one record, of which the terminal table and every report are renderings."""

import contextlib
import platform
import re
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from fractions import Fraction
from importlib import metadata
from typing import Literal, Self

import msgspec

from ..course.manifest import Manifest, to_fraction, to_number
from ..errors import UsageError

SCHEMA = 2
Visibility = Literal["public", "hidden"]


class Outcome(StrEnum):
    """A check's end, from the worst to what needs nothing; tables name the worst of a group.

    `style` is how a terminal marks it, `next_step` what a student does next. It is `settled` where nothing is left to
    do, and `told` where reports give the check's sentence.
    """

    style: str
    next_step: str
    settled: bool
    told: bool

    GRADER_ERROR = "grader_error", "magenta", "tell the staff; grading again settles them"
    CRASHED = "crashed", "red", "often too much memory, or `exit()`"
    TIMEOUT = "timeout", "red", "look for an endless loop, or loops over single numbers"
    FAILED = "failed", "red", "fix it"
    BLOCKED = "blocked", "yellow", "do that first"
    NOT_ATTEMPTED = "not_attempted", "dim", "write it", False, False
    PASSED = "passed", "green", "", True, False
    NOT_SCORED = "not_scored", "dim", "nothing", True, False

    def __new__(cls, value: str, style: str, next_step: str, settled: bool = False, told: bool = True) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.style, member.next_step, member.settled, member.told = style, next_step, settled, told
        return member

    @property
    def word(self) -> str:
        """Return the outcome as reports write it."""
        return self.value.replace("_", " ")

    @property
    def by_own_code(self) -> bool:
        """Return whether the judged function itself gave a wrong answer, raised, hung or crashed."""
        return self in (Outcome.FAILED, Outcome.TIMEOUT, Outcome.CRASHED)


class NoteKind(StrEnum):
    """The subject of a note about a run."""

    SUBMISSION = "submission"  # what was left out of it, or is missing in it
    REFUSED = "refused"  # why it was not graded
    ISOLATION = "isolation"  # what does not hold
    EDITION = "edition"  # which one it was graded by, and what that leaves out
    IMPORTS = "imports"  # which ones at the top of a module are answered by stand-ins
    CHECKS = "checks"  # which files of checks were changed
    NOT_SCORED = "not_scored"  # how much takes the reference
    NEXT = "next"  # what to write next
    STOPPED = "stopped"  # the run was ended before its last check
    GRADER_ERROR = "grader_error"  # why the grader could not go on


class Note(msgspec.Struct, frozen=True):
    """A sentence about a run as a whole, and what it is about."""

    kind: NoteKind
    text: str


class Cause(msgspec.Struct, kw_only=True, frozen=True):
    """A module that cannot be imported: `message` says why, where, and what to do.

    `file` is a path inside the package, `line` the one to fix, 0 where none is known.
    """

    module: str
    message: str
    file: str = ""
    line: int = 0

    @property
    def place(self) -> str:
        """Return where to fix it: `layers.py, line 3`."""
        return f"{self.file}, line {self.line}" if self.line else self.file


class Standing(msgspec.Struct, kw_only=True):
    """One value of the leaderboard, and which end of it leads."""

    name: str
    value: int | float | str
    order: Literal["asc", "desc"] = "desc"


class Spending(msgspec.Struct, kw_only=True):
    """CPU seconds spent of a budget, or that would be by all of what was tried in part."""

    name: str
    cpu_seconds: float
    allowed: int | float


class Hint(msgspec.Struct, kw_only=True, frozen=True):
    """The misconception behind a failure: its id in the catalogue, a sentence that teaches, a notebook's section."""

    id: str
    sentence: str
    section: str = ""

    def __str__(self) -> str:
        return f"{self.sentence} See {self.section}." if self.section else self.sentence


class CheckResult(msgspec.Struct, kw_only=True):
    """One check's result; `message` is fit for the student, `detail` (inputs, values) for the instructor.

    `functions` are those it judges. `held` are points that are neither given nor lost, since the grader made an error.
    It was not `run` where earlier checks used up the run's time, before it or while it ran. `cause` is the module whose
    import it waits for, one of the record's causes. `needs` is the function that a blocked one waits for.
    `misconception` is one that its wrong answer is known to be of.
    What was `raised` is an exception with its line of code: checks in which it is the same say the same.
    """

    id: str
    title: str
    functions: list[str]
    question: str
    visibility: Visibility
    points: int | float
    score: int | float
    outcome: Outcome
    run: bool = True
    message: str = ""
    detail: str = ""
    cause: str = ""
    needs: str = ""
    raised: str = ""
    misconception: Hint | None = None
    held: int | float = 0
    error: float | None = None
    allowed: float | None = None
    cpu_ratio: float | None = None
    standing: Standing | None = None
    spending: Spending | None = None
    output: str = ""
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Return whether it was run and its function is at fault: no other one, no import, not the grader."""
        return self.run and not self.cause and self.outcome.by_own_code

    @property
    def short_id(self) -> str:
        """Return the id that a person types: the question's, a dot, the name; a shell takes it without quotes."""
        return make_short_id(self.question, self.id)


def make_short_id(question: str, check: str) -> str:
    """Return a check's short id, from its question's id and its own."""
    return f"{question}.{shorten(re.sub('^(hidden/)?[^/]*/', '', check))}"


def shorten(name: str) -> str:
    """Return a check's name as pytest writes it, without signs that a shell changes."""
    return re.sub(r"[^\w.,=+:@%/-]+", "_", name.replace("[", ".").replace("]", "")).strip("_")


class QuestionScore(msgspec.Struct, kw_only=True):
    """The sum of one question's checks."""

    id: str
    title: str
    score: int | float
    max_score: int | float


class Record(msgspec.Struct, kw_only=True):
    """One run: what was graded, with what, and what came out. `complete` is false until the last check has run.

    `causes` are modules that cannot be imported, the first things to tell. Where an edition was graded, its checks have
    `scaled_from` points, and score, maximum and held are scaled to those of the assignment.
    """

    schema: int = SCHEMA
    assignment: str
    command: str
    submission: str
    complete: bool = False
    score: int | float = 0
    max_score: int | float = 0
    held: int | float = 0
    scaled_from: int | float = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    questions: list[QuestionScore] = []
    checks: list[CheckResult] = []
    causes: list[Cause] = []
    notes: list[Note] = []
    environment: dict[str, str] = {}
    isolation: list[str] = []
    leaderboard: list[Standing] = []


def find_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python and of these distributions, as far as they are installed; import none of them."""
    found = {"python": platform.python_version()}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def tally(record: Record, manifest: Manifest) -> None:
    """Write the totals of the record's checks into it; sums are exact."""
    chosen = [q for q in manifest.questions if any(check.question == q.id for check in record.checks)]
    record.questions = [_question(q.id, q.title, [c for c in record.checks if c.question == q.id]) for q in chosen]
    record.leaderboard = [check.standing for check in record.checks if check.standing]
    columns = zip(*((c.score, c.points, c.held) for c in record.checks), strict=True)
    totals = [sum_points(column) for column in columns] or [0, 0, 0]
    if record.scaled_from:
        totals = [_scale(points, manifest.points, record.scaled_from) for points in totals]
    record.score, record.max_score, record.held = totals


def _question(name: str, title: str, checks: list[CheckResult]) -> QuestionScore:
    score, max_score = sum_points(check.score for check in checks), sum_points(check.points for check in checks)
    return QuestionScore(id=name, title=title, score=score, max_score=max_score)


def _scale(points: float, whole: int, scaled_from: float) -> int | float:
    """Return points of an edition as so many of the whole, rounded to hundredths."""
    return to_number(Fraction(round(100 * to_fraction(points) * whole / to_fraction(scaled_from)), 100))


def sum_points(values: Iterable[float]) -> int | float:
    """Return the exact sum of points."""
    counted = Counter(values)  # few values, many times each: a sum of fractions is slow
    return to_number(sum((to_fraction(value) * count for value, count in counted.items()), Fraction(0)))


def to_json(record: Record) -> bytes:
    """Return the record as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2)


def from_json(data: bytes) -> Record:
    """Read a record. Raise UsageError where it is none, or one of another schema."""
    try:
        found = msgspec.json.decode(data, type=_AnyRecord).schema
        if found == SCHEMA:
            return msgspec.json.decode(data, type=Record)
    except msgspec.DecodeError as error:
        raise UsageError(f"this is no record of a run ({error}); write it again with check --json") from None
    raise UsageError(
        f"this record has schema {found}, and this version reads schema {SCHEMA}; write it again with check --json"
    )


class _AnyRecord(msgspec.Struct):
    """A record of any schema."""

    schema: int
