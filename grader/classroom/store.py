"""Keep a class in one SQLite file, whose only writer is the process that grades: it holds a lock."""

import contextlib
import json
import os
import shlex
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar, Self

from ..errors import UsageError
from ..results.record import CheckResult, Record
from .sources import ExportedSubmission
from .view import FILENAME, VERSION, Batch, JobEnding, State, StoredSubmission, StoreView, identify, pack_record

LOCK, SCRATCH = "running.lock", "chainrule-class-"
SCHEMA = """
CREATE TABLE batch (
    id INTEGER PRIMARY KEY CHECK (id = 1), assignment TEXT, max_score NUMERIC, kind TEXT, source BLOB, seeds TEXT
);
CREATE TABLE version (id INTEGER PRIMARY KEY, digests TEXT UNIQUE);
CREATE TABLE run (
    id INTEGER PRIMARY KEY, started TEXT, ended TEXT DEFAULT '', chosen INTEGER
);
CREATE TABLE submission (
    id INTEGER PRIMARY KEY, key TEXT UNIQUE, place BLOB, digest TEXT, submitted TEXT, late INTEGER, state TEXT,
    run INTEGER REFERENCES run, version INTEGER REFERENCES version, finished TEXT DEFAULT '',
    score NUMERIC DEFAULT 0, max_score NUMERIC DEFAULT 0, held NUMERIC DEFAULT 0, seconds REAL DEFAULT 0,
    cpu_seconds REAL DEFAULT 0, problem TEXT DEFAULT '', record BLOB
);
CREATE TABLE person (
    submission INTEGER REFERENCES submission, place INTEGER, name TEXT, sid TEXT, email TEXT, user TEXT,
    PRIMARY KEY (submission, place)
) WITHOUT ROWID;
CREATE TABLE "check" (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE, place INTEGER, title TEXT, question TEXT, visibility TEXT,
    functions TEXT, points NUMERIC
);
CREATE TABLE result (
    submission INTEGER REFERENCES submission, "check" INTEGER REFERENCES "check", outcome TEXT, score NUMERIC,
    held NUMERIC, seconds REAL, error REAL, ratio REAL, misconception TEXT, message TEXT,
    PRIMARY KEY (submission, "check")
) WITHOUT ROWID;
CREATE INDEX submission_by_state ON submission (state);
"""

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(1 << 30)  # what is locked cannot be read, and the file is to be
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[Path]:
    """Keep others from grading into a folder, and yield one for temporary files; remove what a killed run left.

    The lock ends with this process, however it ends. Raise UsageError where another process has it, and for a folder of
    other things.
    """
    if folder.exists() and not any((folder / name).exists() for name in (LOCK, FILENAME)) and any(folder.iterdir()):
        raise UsageError(f"{folder} holds other files and no class; give another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with (folder / LOCK).open("a+") as file:
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):
            raise UsageError(f"{folder} is being graded by {describe_holder(folder)}; wait for it, or end it") from None
        file.seek(0)
        left = Path(file.read().partition("\n")[2])
        if left.name.startswith(SCRATCH):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=SCRATCH, ignore_cleanup_errors=True) as scratch:
            Path(scratch).chmod(0o755)  # workers may have a user id of their own
            file.truncate(0)
            print(os.getpid(), scratch, sep="\n", end="", file=file, flush=True)
            yield Path(scratch)


def say_command(folder: Path, *words: str, subject: str = "") -> str:
    """Return a command on the class in a folder, as it can be copied into a shell, whatever its subject's name."""
    where = () if folder == Path("class") else ("--folder", str(folder))
    last = (*where, "--", subject) if subject.startswith("-") else (*filter(None, [subject]), *where)
    return shlex.join(["python", "-m", "grader", "class", *words, *last])


def describe_holder(folder: Path) -> str:
    """Return `process 12` where a run is grading into a folder; empty where none is."""
    with contextlib.suppress(FileNotFoundError), (folder / LOCK).open("r+") as file:
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            return f"process {file.readline().strip()}"
    return ""


class Store(StoreView):
    """An open store that is written."""

    _MODE: ClassVar[str] = "rw"

    @classmethod
    def create(cls, folder: Path, batch: Batch) -> Self:
        """Make the store of a new class in `folder`, which only its owner may enter: seeds and marks lie in it."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        aside = folder / f".{FILENAME}.new"
        for left in (aside, aside.with_name(f"{aside.name}-wal"), aside.with_name(f"{aside.name}-shm")):
            left.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(aside, isolation_level=None)) as db:
            db.execute("PRAGMA journal_mode = WAL")  # it stays so for whoever opens the file
            db.executescript(SCHEMA)
            values = [batch.assignment, batch.max_score, batch.kind, os.fsencode(batch.source)]
            values.append(json.dumps(batch.seeds))
            db.execute("INSERT INTO batch VALUES (1, ?, ?, ?, ?, ?)", [_storable(value) for value in values])
            db.execute(f"PRAGMA user_version = {VERSION}")
        aside.replace(folder / FILENAME)
        return cls.open(folder)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """Make what is written inside one transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def move(self, source: Path) -> None:
        """Note that the export lies elsewhere now."""
        with self._writing() as db:
            db.execute("UPDATE batch SET source = ?", [os.fsencode(source)])

    def add(self, entries: Iterable[ExportedSubmission]) -> None:
        """Take the submissions of an export: new ones are to do, and so is again what has other bytes now.

        What is not there just now keeps its mark, as its files may be elsewhere.
        What the export no longer has is superseded where all of its authors stand on other submissions there.
        """
        entries, known = list(entries), {one.key: one for one in self.submissions()}
        with self._writing() as db:
            for entry in entries:
                self._add(db, entry, known.get(entry.key))
        old = [person for one in known.values() for person in one.people]
        names = identify([*old, *(person for entry in entries for person in entry.people)])
        there = {names[person] for entry in entries if not entry.superseded for person in entry.people} - {""}
        gone = known.keys() - {entry.key for entry in entries}
        replaced = [key for key in gone if (people := known[key].people) and there >= {names[one] for one in people}]
        self.set_state(replaced, State.SUPERSEDED)

    def _add(self, db: sqlite3.Connection, entry: ExportedSubmission, known: StoredSubmission | None) -> None:
        state = State.SUPERSEDED if entry.superseded else State.TODO
        digest = entry.digest or (known.digest if known else "")
        if known and known.digest == digest and (known.state is State.SUPERSEDED) == entry.superseded:
            state = known.state
        facts = [digest, entry.submitted, int(entry.late), state]
        columns = ["key", "place", "digest", "submitted", "late", "state"]
        values = [_storable(entry.key), os.fsencode(entry.place), *map(_storable, facts)]
        (number,) = db.execute(f"{_upsert('submission', columns)} RETURNING id", values).fetchone()
        db.execute("DELETE FROM person WHERE submission = ?", [number])
        rows = [[number, place, *map(_storable, vars(person).values())] for place, person in enumerate(entry.people)]
        db.executemany("INSERT INTO person VALUES (?, ?, ?, ?, ?, ?)", rows)

    def add_version(self, digests: dict[str, str]) -> int:
        """Return the number of a version of checks, manifest, reference and engine; a known one keeps its number."""
        text = json.dumps(digests, sort_keys=True)
        with self._writing() as db:
            db.execute("INSERT OR IGNORE INTO version (digests) VALUES (?)", [text])
            return int(db.execute("SELECT id FROM version WHERE digests = ?", [text]).fetchone()[0])

    def begin_run(self, started: str, chosen: int) -> int:
        """Note that a run begins; what an earlier one left running is to do again."""
        with self._writing() as db:
            db.execute("UPDATE submission SET state = ? WHERE state = ?", [State.TODO, State.RUNNING])
            query = "INSERT INTO run (started, chosen) VALUES (?, ?)"
            return int(db.execute(query, [started, chosen]).lastrowid or 0)

    def end_run(self, run: int, ended: str) -> None:
        """Note that a run has ended by itself; nothing is running then."""
        with self._writing() as db:
            db.execute("UPDATE submission SET state = ? WHERE state = ?", [State.TODO, State.RUNNING])
            db.execute("UPDATE run SET ended = ? WHERE id = ?", [ended, run])

    def set_state(self, keys: Iterable[str], state: State) -> None:
        """Give submissions a state."""
        with self._writing() as db:
            db.executemany("UPDATE submission SET state = ? WHERE key = ?", [[state, key] for key in keys])

    def finish(self, endings: Sequence[JobEnding]) -> None:
        """Keep how jobs ended, in one transaction; what an earlier run found of them goes."""
        with self._writing() as db:
            numbers = self._take_checks(db, [ending.record for ending in endings if ending.record])
            for ending in endings:
                self._finish(db, ending, numbers)

    def _finish(self, db: sqlite3.Connection, ending: JobEnding, numbers: dict[str, int]) -> None:
        facts = {"state": ending.state, "problem": ending.problem, "finished": ending.finished, "run": ending.run}
        values: dict[str, Any] = {name: _storable(value) for name, value in facts.items()}
        (number,) = db.execute("SELECT id FROM submission WHERE key = ?", [_storable(ending.key)]).fetchone()
        record, names = ending.record, ("score", "max_score", "held", "seconds", "cpu_seconds")
        values |= {name: getattr(record, name) if record else 0 for name in names}
        values |= {"version": ending.version, "record": pack_record(record) if record else None}
        db.execute("DELETE FROM result WHERE submission = ?", [number])
        if record:  # the course may have another title or be worth more by now; what was refused has no checks
            known = "assignment = COALESCE(NULLIF(?, ''), assignment), max_score = COALESCE(NULLIF(?, 0), max_score)"
            told = [_storable(record.assignment), record.max_score]
            (values["max_score"],) = db.execute(f"UPDATE batch SET {known} RETURNING max_score", told).fetchone()
            rows = [(number, numbers[one.id], *_facts(one)) for one in record.checks]
            db.executemany("INSERT INTO result VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        assigned = ", ".join(f"{name} = ?" for name in values)
        db.execute(f"UPDATE submission SET {assigned} WHERE id = ?", [*values.values(), number])

    def _take_checks(self, db: sqlite3.Connection, records: list[Record]) -> dict[str, int]:
        """Return the numbers of all checks, having taken those that are new or were changed."""
        rows = {
            (one.id, place, one.title, one.question, one.visibility, json.dumps(one.functions), one.points): None
            for record in records
            for place, one in enumerate(record.checks)
        }
        columns = ["id", "place", "title", "question", "visibility", "functions", "points"]
        db.executemany(_upsert("check", columns), rows)
        return dict(db.execute('SELECT id, number FROM "check"').fetchall())


def _upsert(table: str, columns: Sequence[str]) -> str:
    """Return a statement that inserts a row, or updates the one with the same first column."""
    key, *others = columns
    updated = ", ".join(f"{name} = excluded.{name}" for name in others)
    marks = ", ".join("?" * len(columns))
    return f'INSERT INTO "{table}" ({", ".join(columns)}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {updated}'


def _storable(value: Any) -> Any:
    """Return a value without what SQLite cannot hold: halves of characters, as in names that are no UTF-8."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


def _facts(check: CheckResult) -> list[Any]:
    """Return the columns of one result after its two numbers."""
    numbers = [check.score, check.held, check.seconds, check.error, check.cpu_ratio]
    misconception = check.misconception.id if check.misconception else ""
    return [check.outcome, *numbers, misconception, _storable(check.message)]
