"""A regrade grades only what may have changed, says who gains and loses before it writes, and equals a full grade."""

import io
import shutil

import msgspec
import pytest

from grader.classroom import batch
from grader.classroom.engine import choose_again
from grader.classroom.executors import Settings
from grader.classroom.view import State, StoredSubmission, StoreView
from grader.course.schema import Edition
from tests.harness.test_class_grade import WRONG, comparable

HALF = "def area(width, height):\n    return width * height\n"


@pytest.fixture
def graded(toy, tmp_path):
    """A toy course whose class was graded: one right, one with area only, one wrong, one broken."""
    source = tmp_path / "handed in"
    codes = {"right": (toy.root / "solution/shapes.py").read_text(), "half": HALF, "wrong": WRONG}
    for name, code in codes.items():
        package = source / name / "student"
        package.mkdir(parents=True)
        (package / "shapes.py").write_text(code)
    (source / "broken.zip").write_text("PK")
    batch.grade_class(toy.manifest, source, toy.root / "class", Settings(1), lambda tally: None)
    return toy


def regrade(course, held: bool = False, answer: bool = True):
    """Regrades, and returns the changes that were asked about."""
    asked = []

    def confirm(changes):
        asked.extend(changes)
        return answer

    subject = course.manifest, course.root / "class", held, Settings(1), lambda tally: None, confirm
    batch.regrade_class(*subject)
    return {change.before.key: change for change in asked}


def marks(course):
    with StoreView.open(course.root / "class") as store:
        return {one.key: (one.score, one.state, one.version) for one in store.submissions()}


def test_nothing_changed(graded):
    assert regrade(graded) == {}


def test_changed_check_costs_only_what_it_can_alter(graded, tmp_path):
    before = marks(graded)
    check = next(graded.root.glob("checks/public/test_q1*.py"))
    check.write_text(check.read_text() + "\n# another word\n")
    asked = regrade(graded, answer=False)
    assert set(asked) == {"half", "right", "wrong"}, "what was refused has no checks"
    assert marks(graded) == before, "nothing is written before the answer"
    asked = regrade(graded)
    assert set(asked) == {"half", "right", "wrong"}
    after = marks(graded)
    assert {key: mark[0] for key, mark in after.items()} == {key: mark[0] for key, mark in before.items()}
    assert all(after[key][2] != before[key][2] for key in asked)
    assert not list((graded.root / "class/records").iterdir())
    with StoreView.open(graded.root / "class") as store:
        kept = {one.key: comparable(store.record(one.id)) for one in store.submissions(State.GRADED)}
    shutil.move(graded.root / "class", tmp_path / "old")
    store = batch.open_store(graded.manifest, tmp_path / "handed in", graded.root / "class", "folder")
    with StoreView.open(tmp_path / "old") as old, store:
        store._db.execute("UPDATE batch SET seeds = (?)", ['["' + '","'.join(old.batch().seeds) + '"]'])
    batch.grade_class(graded.manifest, tmp_path / "handed in", graded.root / "class", Settings(1), lambda tally: None)
    with StoreView.open(graded.root / "class") as store:
        full = {one.key: comparable(store.record(one.id)) for one in store.submissions(State.GRADED)}
    assert kept == full


def test_commands_say_who_gains_and_loses(graded, command):
    graded.replace("assignment.toml", "public_points = 4", "public_points = 3")
    graded.replace("assignment.toml", "points = 8", "points = 7")
    check = next(graded.root.glob("checks/public/test_q2*.py"))
    before = marks(graded)
    text = check.read_text()
    status, out, err = command("class", "regrade")
    assert status == 2 and "say what to grade again: --changed or --held" in err
    check.write_text(text.replace('@points(2, "shapes.moments"', '@points(1, "shapes.moments"'))
    status, out, err = command("class", "regrade", "--changed", "--yes", "--jobs", "1")
    assert status == 0, (out, err)
    assert before["right"][0] == 8 and marks(graded)["right"][0] == 7
    assert "right (right): 8 -> 7 (-1)" in out and "0 gain, 1 lose, 3 stay." in out
    status, out, err = command("class", "regrade", "--held", "--yes")
    assert status == 0 and "nothing to grade again, and nothing was written" in out


def test_status_names_no_mark_that_a_regrade_leaves_as_it_is(graded, command):
    check = next(graded.root.glob("checks/public/test_q1*.py"))
    check.write_text(check.read_text() + "\n# another word\n")
    words = "may alter 3 marks: python -m grader class regrade --changed"
    assert words in command("class", "status")[1]
    regrade(graded)
    status, out, err = command("class", "status")
    assert status == 0 and "--changed" not in out, err


def test_regrade_without_anybody_to_answer_says_how_to_go_on(graded, command, monkeypatch):
    graded.write("checks/public/more.txt", "a file that checks might read")
    before = marks(graded)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    status, out, _ = command("class", "regrade", "--changed", "--jobs", "1")
    assert status == 0 and "nothing was written; the same command asks again, and with --yes it writes" in out
    assert marks(graded) == before


def test_submission_without_a_result_gets_its_mark_by_a_regrade(graded):
    place = graded.root.parent / "handed in/right"
    place.rename(place.with_name("away"))
    graded.write("checks/public/more.txt", "a file that checks might read")
    asked = regrade(graded)
    assert not asked["right"].writable and marks(graded)["right"][0] == 8
    assert "is not where the export says" in asked["right"].after.problem
    with batch.Store.open(graded.root / "class") as store:
        store.finish([batch.JobEnding("right", State.FAILED, problem="its process was killed")])
    place.with_name("away").rename(place)
    asked = regrade(graded, held=True)
    assert set(asked) == {"right"} and asked["right"].gain == 8
    assert marks(graded)["right"][:2] == (8, State.GRADED)


DIGESTS = {"checks of Q1": "a", "checks of Q2": "a", "manifest": "a", "engine": "a"}
CHANGES = [
    ({}, State.GRADED, None),
    ({"checks of Q2": "b"}, State.GRADED, ("Q2",)),
    ({"checks of Q2": "b", "checks of Q1": "b"}, State.GRADED, ("Q1", "Q2")),
    ({"checks of Q2": "b"}, State.REFUSED, None),
    ({"manifest": "b"}, State.REFUSED, ()),
    ({"checks of Q2": "b", "engine": "b"}, State.GRADED, ()),
    ({"engine": "b"}, State.FAILED, None),
    ({"engine": "b"}, State.SUPERSEDED, None),
    ({"engine": "b"}, State.TODO, None),
]


def test_of_an_edition_every_question_is_graded_again(toy, tmp_path):
    one, manifest = StoredSubmission(1, "a", (), tmp_path, "", "", False, State.GRADED, version=1), toy.manifest
    manifest = msgspec.structs.replace(manifest, edition=Edition(title="1999"))
    assert choose_again(one, False, {1: DIGESTS}, DIGESTS | {"checks of Q2": "b"}, manifest) == ()


@pytest.mark.parametrize(("changed", "state", "questions"), CHANGES)
def test_questions_that_a_change_can_alter(toy, tmp_path, changed, state, questions):
    one = StoredSubmission(1, "a", (), tmp_path, "", "", False, state, version=1)
    assert choose_again(one, False, {1: DIGESTS}, DIGESTS | changed, toy.manifest) == questions
