"""Read a class from its store: the batch, its submissions with their people, the results of every check."""

import contextlib
import json
import os
import sqlite3
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import ClassVar, Literal, Self

from ..course.manifest import to_fraction
from ..errors import UsageError
from ..results.record import Outcome, Record, Visibility, from_json, to_json

FILENAME = "class.db"
VERSION = 2
MOVE_AWAY = "move it away, or give another folder with --folder"


class State(StrEnum):
    """Where a submission stands."""

    TODO = "todo"
    RUNNING = "running"
    GRADED = "graded"
    REFUSED = "refused"  # what was handed in cannot be graded: 0 points and the reason
    FAILED = "failed"  # the grader came to no result: `problem` says why, and no mark is known
    SUPERSEDED = "superseded"  # its author handed in again, and the later one counts

    @property
    def counts(self) -> bool:
        """Return whether a submission in this state has a mark of its own."""
        return self in (State.GRADED, State.REFUSED)


COUNTED = ", ".join(f"'{state}'" for state in State if state.counts)
COUNTS = f"submission IN (SELECT id FROM submission WHERE state IN ({COUNTED}))"  # the results of marks

CommonText = tuple[str, int, int, int, int]  # with the number of submissions, one of them, a check, their number


@dataclass(frozen=True)
class Person:
    """One author: `user` is the number that the platform's files give, Canvas's user id or Moodle's participant."""

    name: str
    sid: str = ""
    email: str = ""
    user: str = ""

    @property
    def ids(self) -> dict[str, str]:
        """Return what is known of this person besides a name, by its kind, the surest first."""
        known = {"user": self.user, "sid": self.sid, "email": self.email}
        return {kind: f"{kind} {value.strip().casefold()}" for kind, value in known.items() if value.strip()}


def identify(people: Iterable[Person]) -> dict[Person, str]:
    """Return what tells each person from all others: the surest ID, empty where only a name is known.

    An ID stands for the only surer one that somebody has beside it, so that a number and an address may be one person.
    """
    known = {person: list(person.ids.values()) for person in people}
    leads: dict[str, set[str]] = {}
    for ids in known.values():
        for one in ids[1:]:
            leads.setdefault(one, set()).add(ids[0])
    found = {}
    for person, ids in known.items():
        name = ids[0] if ids else ""
        while len(leads.get(name, ())) == 1:
            (name,) = leads[name]
        found[person] = name
    return found


@dataclass(frozen=True)
class Batch:
    """The class as a whole: `kind` of export, where it lies, all's secret seeds, `max_score` of the latest mark."""

    assignment: str
    max_score: int | float
    kind: str
    source: Path
    seeds: tuple[str, ...]


@dataclass(frozen=True)
class ClassRun:
    """One call of `class grade` or `class regrade`: `chosen` is how many submissions it was to grade.

    Times are ISO 8601 in UTC; `ended` is empty while it runs, and for ever where it was killed.
    """

    id: int
    started: str
    ended: str
    chosen: int


@dataclass(frozen=True)
class StoredSubmission:
    """One submission with what is known of it; `score`, `held` and `max_score` mean something where its state counts.

    `key` is its name in the export, `place` its zip or folder, `digest` that of its bytes. `submitted` is an ISO 8601
    time with its zone, or empty where the export tells none. `late` is the export's own mark. `run` is the one that
    graded it last, `finished` when. `version` says which checks, manifest and engine did (`Store.versions`).
    """

    id: int
    key: str
    people: tuple[Person, ...]
    place: Path
    digest: str
    submitted: str
    late: bool
    state: State
    run: int | None = None
    version: int | None = None
    finished: str = ""
    score: int | float = 0
    max_score: int | float = 0
    held: int | float = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    problem: str = ""

    @property
    def names(self) -> str:
        """Return the authors' names for a line of a table; the key where there are none."""
        return ", ".join(person.name for person in self.people if person.name) or self.key


@dataclass(frozen=True)
class KnownCheck:
    """One check of the class, in the order in which reports list them."""

    number: int
    id: str
    title: str
    question: str
    visibility: Visibility
    functions: list[str]
    points: int | float


@dataclass(frozen=True)
class JobEnding:
    """The end of one job: its state, the record where there is one, else the `problem` that left none."""

    key: str
    state: State
    record: Record | None = None
    problem: str = ""
    version: int | None = None
    run: int | None = None
    finished: str = ""


@dataclass
class StoreView:
    """An open store that is read; any number may read one beside the process that grades. `with` closes it.

    A reader sees the store as it was when it first looked, whatever is graded meanwhile.
    """

    file: Path
    _db: sqlite3.Connection = field(repr=False)
    _MODE: ClassVar[str] = "ro"

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the store in `folder`. Raise UsageError where there is none, or one of another version."""
        file = folder / FILENAME
        if not file.is_file():
            raise UsageError(f"{folder} holds no class; begin one with: python -m grader class grade SOURCE")
        with contextlib.ExitStack() as stack:
            try:
                db = sqlite3.connect(f"{file.resolve().as_uri()}?mode={cls._MODE}", uri=True)
                stack.callback(db.close)
                db.isolation_level, db.row_factory = None, sqlite3.Row
                (version,) = db.execute("PRAGMA user_version").fetchone()
                if cls._MODE == "ro":
                    db.execute("BEGIN")
            except sqlite3.OperationalError as error:  # SQLite makes files beside it, even to read it
                remedy = "copy its folder to where you may write, and give that one with --folder"
                raise UsageError(f"{file} cannot be opened ({error}); {remedy}") from None
            except sqlite3.DatabaseError as error:
                raise UsageError(f"{file} is no store of a class ({error}); {MOVE_AWAY}") from None
            if not version:
                raise UsageError(f"{file} is no store of a class (it is empty); {MOVE_AWAY}")
            if version != VERSION:
                other = f"{file} is a store of version {version}, and this reads version {VERSION}"
                raise UsageError(f"{other}; use the chainrule that made it, or give another folder with --folder")
            stack.pop_all()
        return cls(file, db)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.close()
        if isinstance(error, sqlite3.Error):
            full = "see whether its disk is full, or give another folder with --folder"
            remedy = "end the other program that writes it" if "locked" in str(error) else full
            raise UsageError(f"{self.file} cannot be read or written ({error}); {remedy}") from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def batch(self) -> Batch:
        """Return the class as a whole."""
        row = self._db.execute("SELECT assignment, max_score, kind, source, seeds FROM batch").fetchone()
        return Batch(**{**row, "source": Path(os.fsdecode(row["source"])), "seeds": tuple(json.loads(row["seeds"]))})

    def submissions(self, *states: State) -> list[StoredSubmission]:
        """Return the submissions in the order of their keys, all or those in one of these states."""
        people: dict[int, list[Person]] = {}
        for number, *facts in self._db.execute("SELECT submission, name, sid, email, user FROM person ORDER BY place"):
            people.setdefault(number, []).append(Person(*facts))
        names = ", ".join(column.name for column in fields(StoredSubmission) if column.name != "people")
        found = []
        for row in self._db.execute(f"SELECT {names} FROM submission ORDER BY key"):
            state, authors = State(row["state"]), tuple(people.get(row["id"], ()))
            facts = {"state": state, "place": Path(os.fsdecode(row["place"])), "late": bool(row["late"])}
            if not states or state in states:
                found.append(StoredSubmission(**dict(row) | facts, people=authors))
        return found

    def find(self, who: str) -> list[StoredSubmission]:
        """Return the submissions whose key, name, number or address this is, whatever its case; else holds it."""
        word, found = _fold(who), self.submissions()

        def texts(one: StoredSubmission) -> list[str]:
            return [_fold(text) for text in [one.key, *(t for p in one.people for t in vars(p).values())] if text]

        exact = [one for one in found if word in texts(one)]
        return exact or [one for one in found if any(word in text for text in texts(one))]

    def checks(self) -> list[KnownCheck]:
        """Return every check that marks are made of, in the order of reports, and none that a course once had."""
        rows = self._db.execute(f"""
            SELECT number, id, title, question, visibility, functions, points FROM "check"
            WHERE number IN (SELECT "check" FROM result WHERE {COUNTS}) ORDER BY place, number""")
        return [KnownCheck(**dict(row) | {"functions": json.loads(row["functions"])}) for row in rows]

    def question_scores(self) -> dict[int, dict[str, Fraction]]:
        """Return the exact points of each submission by question."""
        query = 'SELECT submission, question, score, COUNT(*) FROM result JOIN "check" ON number = "check"'
        scores: dict[int, dict[str, Fraction]] = {}
        for number, question, score, count in self._db.execute(f"{query} GROUP BY submission, question, score"):
            own = scores.setdefault(number, {})
            own[question] = own.get(question, Fraction(0)) + to_fraction(score) * count
        return scores

    def cells(self) -> Iterator[tuple[int, int, str, float, float]]:
        """Yield submission, check, outcome, score and seconds of all results that count, without their sentences."""
        yield from self._db.execute(f'SELECT submission, "check", outcome, score, seconds FROM result WHERE {COUNTS}')

    def find_commonest(self, column: Literal["misconception", "message"], most: int) -> list[CommonText]:
        """Return the texts that most submissions got where their own code failed, the commonest first."""
        told = ", ".join(f"'{outcome}'" for outcome in Outcome if outcome.by_own_code)
        query = f"""
            SELECT {column}, COUNT(DISTINCT submission) AS whose, MIN(submission), MIN("check"), COUNT(DISTINCT "check")
            FROM result WHERE outcome IN ({told}) AND {column} != '' AND {COUNTS}
            GROUP BY {column} ORDER BY whose DESC, {column} LIMIT ?"""
        return self._db.execute(query, [most]).fetchall()

    def record(self, submission: int) -> Record | None:
        """Return the record of a submission; None where there is none."""
        row = self._db.execute("SELECT record FROM submission WHERE id = ?", [submission]).fetchone()
        return unpack_record(row[0]) if row and row[0] is not None else None

    def versions(self) -> dict[int, dict[str, str]]:
        """Return the digests of checks, manifest, reference and engine by the number of their version."""
        return {number: json.loads(text) for number, text in self._db.execute("SELECT id, digests FROM version")}

    def runs(self) -> list[ClassRun]:
        """Return the runs so far, the first one first."""
        return [ClassRun(**row) for row in self._db.execute("SELECT id, started, ended, chosen FROM run ORDER BY id")]


def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def pack_record(record: Record) -> bytes:
    """Return a record as the store holds it."""
    return zlib.compress(to_json(record))


def unpack_record(content: bytes) -> Record:
    """Return a record of the store's."""
    return from_json(zlib.decompress(content))
