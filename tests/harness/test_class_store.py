"""The store of a class: what is written is read back, whatever the texts; only the bytes decide what is to do again."""

import os
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grader.classroom import report
from grader.classroom.sources import ExportedSubmission
from grader.classroom.store import Store
from grader.classroom.view import FILENAME, Batch, JobEnding, Person, State, StoreView
from grader.errors import UsageError
from grader.results.record import Outcome, Record
from tests.harness.made_class import HOSTILE, fill_store


@pytest.fixture
def store(tmp_path):
    made = Store.create(tmp_path, Batch("A course", 8, "folder", Path("/exports/a2"), ("ab", "cd")))
    yield made
    made.close()


def entry(key: str, digest: str = "1", **facts) -> ExportedSubmission:
    return ExportedSubmission(key, Path("/exports") / key, digest=digest, **facts)


def test_batch_is_read_back(store):
    assert store.batch() == Batch("A course", 8, "folder", Path("/exports/a2"), ("ab", "cd"))


def test_store_is_closed_to_others(store):
    assert store.file.parent.stat().st_mode & 0o077 == 0


def test_made_class_is_read_back(tmp_path):
    fill_store(tmp_path, 120, checks=12).close()
    with StoreView.open(tmp_path) as store:
        found, checks = store.submissions(), store.checks()
        assert len(found) == 120 and len(checks) == 12
        assert [check.id for check in checks] == [check.id for check in store.record(found[0].id).checks]
        states = [one.state for one in found]
        assert {state: states.count(state) for state in set(states)} == {
            State.GRADED: 115, State.REFUSED: 3, State.FAILED: 2,
        }  # fmt: skip
        assert sum(len(one.people) == 2 for one in found) == 8
        cells = list(store.cells())
        assert len(cells) == 115 * 12
        for one in store.submissions(State.GRADED)[:5]:
            record, own = store.record(one.id), [cell for cell in cells if cell[0] == one.id]
            assert [cell[2:] for cell in own] == [
                (check.outcome, check.score, check.seconds) for check in record.checks
            ]
            assert one.score == record.score == sum(score for *_, score, _ in own)


@pytest.mark.parametrize("text", [*HOSTILE, os.fsdecode(b"caf\xe9"), "nul\0inside"])
def test_hostile_text_is_only_text(store, text):
    store.add([entry(text, people=(Person(text, text, text, text),)), entry("another")])
    store.set_state([text.encode("utf-8", "backslashreplace").decode()], State.RUNNING)
    one, other = sorted(store.submissions(), key=lambda found: found.key == "another")
    shown = text.encode("utf-8", "backslashreplace").decode()
    assert (one.key, one.people[0].name, one.state) == (shown, shown, State.RUNNING)
    assert one.place == Path("/exports") / text and other.state is State.TODO


def finish(store, key: str, **facts) -> None:
    record = None
    store.finish([JobEnding(key, State.GRADED, record, **facts)])


def test_submission_with_the_same_bytes_keeps_its_mark(store):
    store.add([entry("a"), entry("b")])
    finish(store, "a")
    finish(store, "b")
    store.add([entry("a"), entry("b", "2"), entry("c")])
    assert [one.state for one in store.submissions()] == [State.GRADED, State.TODO, State.TODO]


def test_submission_whose_files_are_not_there_just_now_keeps_its_mark(store):
    store.add([entry("a"), entry("b", "")])
    finish(store, "a")
    store.add([entry("a", ""), entry("b", "")])
    assert [(one.state, one.digest) for one in store.submissions()] == [(State.GRADED, "1"), (State.TODO, "")]
    store.add([entry("a", "2"), entry("b", "2")])
    assert [one.state for one in store.submissions()] == [State.TODO] * 2


def test_earlier_submission_loses_its_mark_once_it_is_superseded(store):
    store.add([entry("a")])
    finish(store, "a")
    store.add([entry("a", superseded=True), entry("a-1")])
    assert [one.state for one in store.submissions()] == [State.SUPERSEDED, State.TODO]
    store.add([entry("a")])
    assert store.submissions()[0].state is State.TODO


def test_what_a_killed_run_left_running_is_to_do_again(store):
    store.add([entry("a"), entry("b")])
    first = store.begin_run("2026-01-01T00:00:00+00:00", 2)
    store.set_state(["a"], State.RUNNING)
    second = store.begin_run("2026-01-01T01:00:00+00:00", 2)
    assert [one.state for one in store.submissions()] == [State.TODO] * 2
    store.end_run(second, "2026-01-01T02:00:00+00:00")
    assert [run.ended for run in store.runs()] == ["", "2026-01-01T02:00:00+00:00"] and second == first + 1


def test_job_without_a_result_leaves_no_old_mark(tmp_path):
    with fill_store(tmp_path, 3, checks=4) as store:
        one = store.submissions()[0]
        store.finish([JobEnding(one.key, State.FAILED, problem="its worker was killed")])
        after = store.submissions()[0]
        assert (after.state, after.score, after.problem) == (State.FAILED, 0, "its worker was killed")
        assert store.record(one.id) is None and one.id not in {number for number, *_ in store.cells()}


def test_changed_check_is_known_by_what_it_is_now(tmp_path):
    with fill_store(tmp_path, 2, checks=4) as store:
        one, before = store.submissions()[0], store.checks()
        record = store.record(one.id)
        record.checks[1].points, record.checks[1].outcome = 7, Outcome.PASSED
        store.finish([JobEnding(one.key, State.GRADED, record)])
        assert store.checks() == [before[0], replace(before[1], points=7), *before[2:]]


def test_people_are_found_by_any_word(store):
    people = (Person("Ada Lovelace", "s1", "ada@example.org", "77"), Person("Alan Turing", "s2"))
    store.add([entry("submission_1", people=people), entry("submission_12")])
    for word in ("ada lovelace", "S1", "ADA@example.org", "77", "turing", "submission_1"):
        assert [one.key for one in store.find(word)] == ["submission_1"], word
    assert len(store.find("submission")) == 2 and not store.find("nobody")


def test_names_are_found_however_their_letters_are_composed(store):
    store.add([entry("Zoe\u0308.zip", people=(Person("Zoë Ünsal"),))])
    assert len(store.find("zoe\u0308 u\u0308nsal")) == len(store.find("Zoë.zip")) == 1


def test_submission_that_is_gone_keeps_its_mark_unless_all_its_authors_handed_in_again(store):
    ada, bob = Person("Ada", "s1"), Person("Bob", "s2")
    store.add([entry("a", people=(ada,)), entry("ab", people=(ada, bob)), entry("nobody")])
    for key in ("a", "ab", "nobody"):
        finish(store, key)
    store.add([entry("a2", people=(ada,))])
    states = {one.key: one.state for one in store.submissions()}
    assert states == {
        "a": State.SUPERSEDED, "a2": State.TODO, "ab": State.GRADED, "nobody": State.GRADED,
    }  # fmt: skip


def test_reader_sees_one_state_of_a_class_that_is_being_graded(tmp_path):
    with fill_store(tmp_path, 5, checks=4) as store:
        store.add([entry("late")])
        with StoreView.open(tmp_path) as view:
            before = view.submissions()
            record = store.record(before[-1].id)
            store.finish([JobEnding("late", State.GRADED, record)])
            assert {number for number, *_ in view.cells()} <= {one.id for one in before if one.state.counts}
            assert view.submissions() == before
        with StoreView.open(tmp_path) as view:
            assert view.submissions() != before


def test_store_that_breaks_while_it_is_read_is_told_in_one_sentence(tmp_path):
    fill_store(tmp_path, 5, checks=4).close()
    with (
        pytest.raises(UsageError, match=r"class\.db cannot be read or written \(no such table: elsewhere\)"),
        StoreView.open(tmp_path) as view,
    ):
        view._db.execute("SELECT * FROM elsewhere")


def test_version_keeps_its_number(store):
    first = store.add_version({"engine": "1", "manifest": "2"})
    assert store.add_version({"manifest": "2", "engine": "1"}) == first
    second = store.add_version({"engine": "3"})
    assert store.versions()[second] == {"engine": "3"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "holds no class; begin one with"),
        (b"not a database", "is no store of a class"),
        (b"", "is no store of a class .it is empty."),
    ],
)
def test_folder_without_a_store(tmp_path, content, words):
    if content is not None:
        (tmp_path / FILENAME).write_bytes(content * 100)
    with pytest.raises(UsageError, match=words):
        StoreView.open(tmp_path)


def test_store_of_another_version(store):
    store._db.execute("PRAGMA user_version = 9")
    with pytest.raises(UsageError, match="of version 9, and this reads version 2; use the chainrule that made it, or"):
        StoreView.open(store.file.parent)


@pytest.mark.slow
def test_ten_thousand_submissions(tmp_path):
    fill_store(tmp_path, 10_000, checks=60).close()
    with StoreView.open(tmp_path) as store:
        began = time.process_time()
        lines = list(report.describe_status(store, "", 0))
        assert "10000 submissions" in lines[0] and time.process_time() - began < 5
        assert sum(1 for _ in store.cells()) == 60 * len(store.submissions(State.GRADED))


def test_course_that_is_worth_more_now_says_so(store):
    store.add([entry("a")])
    record = Record(assignment="A course", command="grade", submission="a", score=9, max_score=150)
    store.finish([JobEnding("a", State.GRADED, record)])
    assert store.batch().max_score == 150
    store.finish([JobEnding("a", State.FAILED, None, "it failed")])
    assert store.batch().max_score == 150
    refused = Record(assignment="A course", command="grade", submission="a")
    store.finish([JobEnding("a", State.REFUSED, refused)])
    assert store.batch().max_score == store.submissions()[0].max_score == 150


def test_check_that_is_gone_from_the_course_is_none_of_the_class(tmp_path):
    with fill_store(tmp_path, 2, checks=4) as store:
        before = store.checks()
        for one in store.submissions():
            record = store.record(one.id)
            record.checks[0].id += "_renamed"
            store.finish([JobEnding(one.key, State.GRADED, record)])
        assert [check.id for check in store.checks()] == [f"{before[0].id}_renamed", *(c.id for c in before[1:])]


def test_store_that_cannot_be_opened_is_not_called_another_file(store, monkeypatch):
    """As on a disk that is read-only, where SQLite cannot make the files beside it."""

    def refuse(*args, **options):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    with pytest.raises(UsageError, match=r"cannot be opened \(unable to open database file\); copy its folder"):
        StoreView.open(store.file.parent)
