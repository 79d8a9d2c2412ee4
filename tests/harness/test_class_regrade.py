"""A regrade grades only what may have changed, says who gains and loses before it writes, and equals a full grade."""

import io
import shutil
from pathlib import Path

import msgspec
import pytest

from grader.classroom import batch
from grader.classroom.engine import choose_again
from grader.classroom.executors import Settings
from grader.classroom.sources import Export, ExportedSubmission, read_export
from grader.classroom.store import Store
from grader.classroom.view import Person, State, StoredSubmission, StoreView
from grader.course.schema import Edition
from grader.errors import UsageError
from tests.harness.test_class_grade import WRONG, comparable

HALF = "def area(width, height):\n    return width * height\n"


@pytest.fixture(scope="module")
def first(copy_of_toy, tmp_path_factory):
    """The folder of a toy course whose class was graded: one right, one with area only, one wrong, one broken."""
    course = copy_of_toy(tmp_path_factory.mktemp("first"))
    source = course.root.parent / "handed in"
    codes = {"right": (course.root / "solution/shapes.py").read_text(), "half": HALF, "wrong": WRONG}
    for name, code in codes.items():
        package = source / name / "student"
        package.mkdir(parents=True)
        (package / "shapes.py").write_text(code)
    (source / "broken.zip").write_text("PK")
    batch.grade_class(course.manifest, source, course.root / "class", Settings(1), lambda tally: None)
    return course.root


@pytest.fixture
def graded(first, toy, tmp_path):
    """A copy of that course with its class, which goes on with its export's copy."""
    source = shutil.copytree(first.parent / "handed in", tmp_path / "handed in")
    shutil.copytree(first / "class", toy.root / "class")
    toy.export = read_export(source)
    with batch.open_store(toy.manifest, source, toy.root / "class", toy.export) as store:
        store.move(source)
        store.add(toy.export.submissions)
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
    store = batch.open_store(graded.manifest, tmp_path / "handed in", graded.root / "class", graded.export)
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


def test_table_that_changes_no_mark_leaves_every_mark_as_it_is(graded, command):
    late = '[late]\ndue = "2026-03-02T23:59:00+01:00"\nper_day = 10\n\n[report]\nhidden_visibility = "visible"\n'
    graded.replace("assignment.toml", "[limits]", f"# what a day late costs\n{late}\n[limits]")
    assert "--changed" not in command("class", "status")[1] and regrade(graded) == {}
    graded.replace("assignment.toml", "call_seconds = 2", "call_seconds = 3")
    assert "may alter 4 marks" in command("class", "status")[1]


def test_course_at_fault_ends_a_run_before_anybody_is_graded(graded, command):
    """With one sentence for the instructor, not with one for each submission."""
    before, source = marks(graded), graded.root.parent / "handed in"
    check = next(graded.root.glob("checks/public/test_q1*.py"))
    text = check.read_text()
    for words in (("regrade", "--changed", "--yes"), ("grade", str(source), "--folder", "other")):
        check.write_text(text.replace("@points(0.1", "@points(0.2", 1))
        status, out, err = command("class", *words, "--jobs", "1")
        assert status == 2 and out == "" and "questions Q1.public_points: the public checks add up to" in err
        check.write_text(f"{text}\ndef unfinished(:\n")
        status, out, err = command("class", *words, "--jobs", "1")
        assert status == 2 and out == "" and "cannot be loaded; fix this first" in err and "unfinished" in err
    assert marks(graded) == before
    with StoreView.open(graded.root / "other") as store:
        assert {one.state for one in store.submissions()} == {State.TODO}


def test_regrade_that_could_grade_nobody_says_that_nothing_was_written(graded, command):
    for name in ("right", "half", "wrong"):
        shutil.rmtree(graded.root.parent / "handed in" / name)
    check = next(graded.root.glob("checks/public/test_q1*.py"))
    check.write_text(f"{check.read_text()}\n# another word\n")
    status, out, _ = command("class", "regrade", "--changed", "--yes", "--jobs", "1")
    assert status == 1 and out.endswith("nothing was written: no submission could be graded again\n")
    assert out.count("right") == 2, "its name and its author's, only once"
    shutil.rmtree(graded.root.parent / "handed in")
    status, _, err = command("class", "regrade", "--changed", "--yes", "--jobs", "1")
    assert status == 2 and "handed in is not there" in err
    assert "say where the export lies now: python -m grader class grade SOURCE" in err


def test_run_with_nothing_to_grade_is_no_run_and_names_who_has_no_mark(graded, command):
    source = graded.root.parent / "handed in"
    with batch.Store.open(graded.root / "class") as store:
        store.finish([batch.JobEnding("right", State.FAILED, problem="its process was killed", run=1)])
    status, out, _ = command("class", "grade", str(source))
    assert status == 0 and "This run: 0 of 0" in out
    assert "1 without a mark, since the grader failed: python -m grader class regrade --held" in out
    assert "Graded 4 of 4 by the run of" in command("class", "status")[1]


def test_changed_title_is_told_and_taken_by_a_regrade(graded, command, tmp_path):
    """Or by a first mark: where there is none yet, the title says nothing."""
    old, source = graded.manifest.title, str(tmp_path / "handed in")
    graded.replace("assignment.toml", old, "Shapes of spring")
    status, _, err = command("class", "grade", source, "--jobs", "1")
    assert status == 2 and f"holds the marks of {old}, and this course's title is Shapes of spring; give another" in err
    assert "or, where only the title was changed, first: python -m grader class regrade --changed" in err
    assert command("class", "regrade", "--changed", "--yes", "--jobs", "1")[0] == 0
    status, out, err = command("class", "grade", source, "--jobs", "1")
    assert status == 0 and "This run: 0 of 0" in out, err
    assert command("class", "status")[1].startswith("Shapes of spring: 4 submissions")
    graded.replace("assignment.toml", "Shapes of spring", "Shapes of autumn")
    with Store.open(graded.root / "class") as store:
        store.set_state([one.key for one in store.submissions()], State.TODO)
    assert command("class", "grade", source, "--jobs", "1")[0] == 0
    assert command("class", "status")[1].startswith("Shapes of autumn: 4 submissions")


def test_export_that_was_moved_goes_on(graded, command, tmp_path):
    moved, other = tmp_path / "moved", tmp_path / "other"
    (tmp_path / "handed in").rename(moved)
    before = marks(graded)
    shutil.copytree(moved / "right", moved / "new")
    status, out, _ = command("class", "grade", str(moved), "--jobs", "1")
    assert status == 0 and "This run: 1 of 1" in out and f"from {moved}" in command("class", "status")[1]
    after = marks(graded)
    assert after.pop("new")[0] == 8 and after == before
    for name in ("right", "half", "wrong"):
        shutil.copytree(moved / "wrong", other / name)
    status, _, err = command("class", "grade", str(other), "--jobs", "1")
    assert status == 2 and f"holds the marks of {moved}, most of whose submissions are not in {other}" in err
    assert "give another folder with --folder" in err


def test_export_of_which_folders_are_missing_takes_nobody_s_mark(toy, command, tmp_path):
    """Gradescope's metadata name a submission whose folder was not unpacked this time."""
    source, code = tmp_path / "in", (toy.root / "solution/shapes.py").read_text()
    for name in ("submission_1", "submission_2"):
        (source / name / "student").mkdir(parents=True)
        (source / name / "student/shapes.py").write_text(code)
    metadata = "submission_1: {':submitters': [{':name': Ada}]}\nsubmission_2: {}\nsubmission_3: {}\n"
    (source / "submission_metadata.yml").write_text(metadata)
    assert command("class", "grade", str(source), "--jobs", "1")[0] == 1  # submission_3 is nowhere
    before = marks(toy)
    (source / "submission_1").rename(tmp_path / "aside")
    status, out, _ = command("class", "grade", str(source), "--jobs", "1")
    assert status == 0 and "This run: 0 of 0" in out and marks(toy) == before
    (tmp_path / "aside").rename(source / "submission_1")
    assert "This run: 0 of 0" in command("class", "grade", str(source), "--jobs", "1")[1] and marks(toy) == before


def test_export_is_that_of_the_class_however_often_everybody_has_handed_in_again(toy, tmp_path):
    for time in "123":
        source = tmp_path / time
        entries = [ExportedSubmission(f"{n}-{time}", source, (Person(n, n),), digest=f"{n}{time}") for n in "abcd"]
        handed_in = Export("folder", entries, [])
        with batch.open_store(toy.manifest, tmp_path / "in", tmp_path / "class", handed_in) as store:
            store.add(entries)
    assert [one.state for one in store_of(tmp_path)] == [State.SUPERSEDED, State.SUPERSEDED, State.TODO] * 4
    batch.open_store(toy.manifest, tmp_path / "moved", tmp_path / "class", handed_in).close()
    other = Export("folder", entries[:1], [])
    with pytest.raises(UsageError, match="most of whose submissions are not in"):
        batch.open_store(toy.manifest, tmp_path / "moved", tmp_path / "class", other)


def store_of(place: Path) -> list[StoredSubmission]:
    with StoreView.open(place / "class") as store:
        return store.submissions()


def test_export_is_looked_for_only_where_there_is_something_to_grade_again(graded, command):
    """And then the sentence has a command that fits the shell and the folder."""
    shutil.move(graded.root / "class", graded.root / "marks of spring")
    shutil.rmtree(graded.root.parent / "handed in")
    words = "--yes", "--jobs", "1", "--folder", "marks of spring"
    status, out, err = command("class", "regrade", "--held", *words)
    assert status == 0 and "nothing to grade again, and nothing was written" in out, err
    graded.write("checks/public/more.txt", "a file that checks might read")
    status, _, err = command("class", "regrade", "--changed", *words)
    assert status == 2 and "handed in is not there; say where the export lies now: " in err
    assert "python -m grader class grade SOURCE --folder 'marks of spring'\n" in err
