"""A class is graded as each submission alone would be, with the same seeds, and each costs only itself."""

import importlib.util
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import types
import zipfile
from pathlib import Path

import msgspec
import pytest

from grader.checks.choice import Selection
from grader.classroom import batch, executors, report
from grader.classroom import store as stores
from grader.classroom.engine import digest_course
from grader.classroom.executors import Settings
from grader.classroom.view import JobEnding, State, StoreView
from grader.errors import UsageError
from grader.files import read_or_make_secret
from grader.grading import run, submission
from grader.grading.hints import Hints
from grader.results.record import Record
from grader.sandbox.parent.zygote_pool import ZygotePool
from grader.sandbox.policy import Policy
from tests.harness.made_class import fill_store

ROOT = Path(__file__).parents[2]
OWN_SCRATCH = f"chainrule-class-{os.getpid()}-"  # other tests grade classes too
WRONG = "def area(width, height):\n    return width + height\n"
HANGING = "while True:\n    pass\n"
FILLING = "def area(width, height):\n    return bytearray(1 << 40)\n"
ENDING = "import os\n\n\ndef area(width, height):\n    os.kill(os.getpid(), 9)\n"


def make_sources(course, folder: Path) -> Path:
    """Make a folder of submissions to the toy course: right, wrong, broken and vicious ones."""
    solution, stub = (course.root / name / "shapes.py" for name in ("solution", "student"))
    codes = {"right": solution.read_text(), "stub": stub.read_text()}
    codes |= {"wrong": WRONG, "hanging": HANGING, "filling": FILLING, "ending": ENDING}
    for name, code in codes.items():
        package = folder / name / "student"
        package.mkdir(parents=True)
        (package / "shapes.py").write_text(code)
    shutil.make_archive(str(folder / "zipped"), "zip", folder / "right")
    (folder / "broken.zip").write_bytes((folder / "zipped.zip").read_bytes()[:100])
    (folder / "empty").mkdir()
    with zipfile.ZipFile(folder / "traversing.zip", "w") as archive:
        archive.writestr("../student/shapes.py", "")
    return folder


def comparable(record: Record) -> bytes:
    """What two runs on the same seeds must have in common: all but times and what was measured by them."""
    checks = [
        msgspec.structs.replace(one, seconds=0, cpu_ratio=None, detail="", output="", spending=None)
        for one in record.checks
    ]
    facts = record.score, record.held, record.complete, record.questions, record.notes, record.causes, checks
    return msgspec.json.encode(facts)


@pytest.fixture(scope="module")
def course(tmp_path_factory, copy_of_toy):
    return copy_of_toy(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def graded(course, tmp_path_factory):
    """The folder of a class that was graded in two slots, with its sources."""
    folder = tmp_path_factory.mktemp("class")
    source = make_sources(course, folder / "submissions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "SCRATCH", OWN_SCRATCH)
        _, tally = batch.grade_class(course.manifest, source, folder / "class", Settings(2), lambda tally: None)
    assert not tally.interrupted and tally.done == tally.chosen == 10
    return folder


def test_each_record_is_that_of_a_single_grade(course, graded):
    with StoreView.open(graded / "class") as store:
        seeds, found = store.batch().seeds, store.submissions()
        assert len(seeds) == 2
        for one in found:
            record = run.new_record(course.manifest, "grade", one.place.name)
            zygotes, selection = ZygotePool(Policy.full()), Selection(secret_seeds=list(seeds))
            try:
                submission.fill_record(course.manifest, one.place, record, selection, zygotes, Hints(course.manifest))
            finally:
                zygotes.close()
            assert comparable(store.record(one.id)) == comparable(record), one.key


def test_states_and_points(graded):
    with StoreView.open(graded / "class") as store:
        found = {one.key: one for one in store.submissions()}
        states = {key: one.state for key, one in found.items()}
        refused = {key for key, state in states.items() if state is State.REFUSED}
        assert refused == {"broken.zip", "empty", "traversing.zip"}
        assert all(state is State.GRADED for key, state in states.items() if key not in refused)
        assert found["right"].score == found["zipped.zip"].score == 8
        assert found["stub"].score == found["hanging"].score == 0
        assert all(one.held == 0 for one in found.values())


def test_nothing_is_left_behind(graded):
    assert not list((graded / "class/records").iterdir())
    assert not stores.describe_holder(graded / "class")
    assert not list(Path(tempfile.gettempdir()).glob(f"{OWN_SCRATCH}*"))


def test_second_run_grades_only_what_is_new(course, graded):
    late = graded / "submissions/late/student"
    late.mkdir(parents=True)
    shutil.copy(graded / "submissions/right/student/shapes.py", late)
    subject = course.manifest, graded / "submissions", graded / "class", Settings(1)
    with StoreView.open(graded / "class") as store:
        before = {one.key: one for one in store.submissions()}
    _, tally = batch.grade_class(*subject, lambda tally: None)
    assert (tally.done, tally.last.key, tally.earlier) == (1, "late", 10)
    with StoreView.open(graded / "class") as store:
        after = {one.key: one for one in store.submissions()}
        assert after.pop("late").score == 8 and after == before
    shutil.rmtree(late.parent)


def test_commands_grade_tell_and_show(command, toy):
    source = toy.root.parent / "handed in"
    for name in ("right", "wrong"):
        (source / name / "student").mkdir(parents=True)
    shutil.copy(toy.root / "solution/shapes.py", source / "right/student")
    (source / "wrong/student/shapes.py").write_text(WRONG)
    (source / "broken.zip").write_text("PK")
    (source / "notes.txt").write_text("notes")
    status, out, _ = command("class", "grade", str(source), "--jobs", "1")
    assert status == 0, out
    assert "refused: broken.zip: The submission was not graded: broken.zip is not a whole zip file" in out
    assert "Not graded: notes.txt. In a folder, zips and folders are graded." in out
    assert "This run: 3 of 3 in" in out and "(2 graded, 1 refused)" in out
    assert "Most failed: shapes.area (1)" in out
    status, out, _ = command("class", "status")
    assert status == 0 and "3 submissions from" in out and "2 graded, 1 refused" in out
    assert "Graded 3 of 3 by the run of" in out and "0 by earlier runs" in out
    status, out, _ = command("class", "show", "RIGHT")
    assert status == 0 and "Total: 8 of 8 points" in out
    status, out, _ = command("class", "show", "r")
    assert out.splitlines() == [
        "broken.zip: broken: refused, 0 points",
        "right: right: graded, 8 points",
        "wrong: wrong: graded, 0 points",
        "3 submissions; give the name of one: python -m grader class show broken.zip",
    ]
    status, out, err = command("class", "show", "nobody")
    assert status == 2 and "nobody in class is called 'nobody'; everybody stands in the table of" in err
    status, out, err = command("class", "show", "rihgt")
    assert status == 2 and "nobody in class is called 'rihgt'; perhaps right" in err
    toy.replace("assignment.toml", "call_seconds = 2", "call_seconds = 3")
    status, out, _ = command("class", "status")
    words = "Changed checks, manifest, reference or engine may alter 3 marks: python -m grader class regrade --changed"
    assert words in out
    shutil.copytree(source / "right", source / "late")
    status, out, _ = command("class", "grade", str(source), "--jobs", "1")
    assert "This run: 1 of 1" in out and words in out, "a later one is graded by other checks than those before"
    status, out, err = command("class", "grade", str(source / "right"))
    assert status == 2 and "holds the marks of" in err and "--folder" in err


def test_commands_that_are_named_can_be_copied(command, toy):
    """Whatever the class's folder and the names of the submissions."""
    with fill_store(toy.root / "my class", 60, checks=6, names=["Ada", "Ada"]) as store:
        store.set_state(["submission_100002"], State.TODO)
        source = store.batch().source
    _, said, _ = command("class", "status", "--folder", "my class")
    _, found, _ = command("class", "show", "Ada", "--folder", "my class")
    _, _, nobody = command("class", "show", "q", "--folder", "my class")
    named = re.findall("(?<=: python -m grader ).*", said + found + nobody)
    words = [shlex.split(text) for text in named]
    assert {tuple(each[:2]) for each in words} == {
        ("class", "regrade"), ("class", "grade"), ("class", "show"), ("class", "gradebook"),
    }  # fmt: skip
    assert all(each[-2:] == ["--folder", "my class"] for each in words)
    assert ["class", "grade", str(source), "--folder", "my class"] in words


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("grade", "checks", "--folder", "assignment.toml/class"), "assignment.toml/class"),
        (("grade", "checks", "--folder", "assignment.toml"), "assignment.toml"),
        pytest.param(
            ("page", "--out", "/proc/page.html"),
            "/proc/page.html",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="a folder where nobody can write"),
        ),
    ],
)
def test_place_that_cannot_be_written_is_named_with_a_remedy(command, toy, words, place):
    fill_store(toy.root / "class", 1, checks=4).close()
    status, _, err = command("class", *words)
    assert status == 2 and f"cannot run: {place} cannot be read or written (" in err and "; give another place" in err


def test_tally_keeps_the_last_record_only():
    tally, records = batch.Tally(3), [Record(assignment="", command="grade", submission="a") for _ in range(3)]
    known = sys.getrefcount(records[0])
    for record in records:
        tally.add(JobEnding("a", State.GRADED, record))
    assert tally.last.record is records[2] and [sys.getrefcount(records[n]) for n in (0, 1)] == [known] * 2


def test_status_of_a_killed_run_has_nothing_running(toy, tmp_path):
    with fill_store(tmp_path, 3, checks=4) as store:
        store.begin_run("2026-01-01T00:00:00+00:00", 1)
        store.set_state(["submission_100000"], State.RUNNING)
        lines = [list(report.describe_status(store, holder, 0))[1] for holder in ("", "process 12")]
    assert lines == ["1 to do, 2 graded", "1 running, 2 graded"]


def test_status_lists_no_more_failures_than_a_screen_holds(tmp_path):
    with fill_store(tmp_path, 1200, checks=2) as store:
        lines = list(report.describe_status(store, "", 0))
    assert sum(line.startswith("failed: ") for line in lines) == 20 and "and 4 more" in lines


def test_store_that_another_program_writes_is_told_in_one_sentence(toy, command, tmp_path):
    (tmp_path / "in/a").mkdir(parents=True)
    fill_store(toy.root / "class", 1, checks=4).close()
    with sqlite3.connect(toy.root / "class/class.db", isolation_level=None) as other:
        other.execute("UPDATE batch SET source = ?, assignment = ?", [os.fsencode(tmp_path / "in"), toy.manifest.title])
        other.execute("BEGIN IMMEDIATE")
        status, _, err = command("class", "grade", str(tmp_path / "in"))
    assert status == 2 and "(database is locked); end the other program that writes it" in " ".join(err.split())


def test_course_that_changes_under_a_run_ends_it_and_fails_nobody(toy, tmp_path):
    source = tmp_path / "in"
    for name in ("a", "b", "c"):
        shutil.copytree(toy.root / "solution", source / name / "student")

    def change(tally: batch.Tally) -> None:
        if tally.done == 1:
            toy.write("checks/public/more.txt", "a file that checks might read")

    words = pytest.raises(UsageError, match="are not those with which this run began; leave the course as it is")
    with words:
        batch.grade_class(toy.manifest, source, toy.root / "class", Settings(1), change)
    with StoreView.open(toy.root / "class") as store:
        assert [one.state for one in store.submissions()] == [State.GRADED, State.TODO, State.TODO]


def test_secret_that_checks_draw_at_first_use_is_no_change_of_the_course(toy):
    secret = "checks/hidden/toy.secret"
    toy.replace("assignment.toml", "[limits]", f'[container]\nsecrets = ["{secret}"]\n\n[limits]')
    before = digest_course(toy.manifest)
    read_or_make_secret(toy.root / secret)
    assert digest_course(toy.manifest) == before
    (toy.root / secret).write_text(f"{'0' * 32}\n")
    assert digest_course(toy.manifest) != before, "another secret makes other checks"


def test_a_release_changes_no_mark(toy):
    before = digest_course(toy.manifest)
    (toy.manifest.path("public") / "misconceptions.npz").write_bytes(b"made by a release")
    assert digest_course(toy.manifest) == before


def test_what_systems_leave_between_the_checks_is_no_change_of_the_course(toy):
    """A folder looked at in a file browser ends no run; a file that checks import has a name, too."""
    public = toy.manifest.path("public")
    (public / "drawn.py").write_text("SEED = 1\n")
    before = digest_course(toy.manifest)
    for name in (".DS_Store", "._drawn.py", "__pycache__/drawn.py.123", ".ipynb_checkpoints/x.py", "desktop.ini"):
        toy.write(f"checks/public/{name}", "x")
    assert digest_course(toy.manifest) == before
    (public / "drawn.py").rename(public / "draws.py")
    assert digest_course(toy.manifest) != before


def test_folder_with_other_things_stays_as_it_is(toy, tmp_path, command):
    (tmp_path / "thesis").mkdir(0o755)
    (tmp_path / "thesis/chapter.txt").write_text("x")
    source = tmp_path / "in"
    (source / "a").mkdir(parents=True)
    for folder, words in (
        (tmp_path / "thesis", "holds other files and no class; give another folder with --folder"),
        (source, "lies in the export; give a folder elsewhere with --folder"),
        (source / "class", "lies in the export; give a folder elsewhere with --folder"),
    ):
        status, _, err = command("class", "grade", str(source), "--folder", str(folder))
        assert status == 2 and words in err
    assert (tmp_path / "thesis").stat().st_mode & 0o777 == 0o755
    assert [place.name for place in (tmp_path / "thesis").iterdir()] == ["chapter.txt"]
    assert [place.name for place in source.iterdir()] == ["a"]


def test_regrade_of_no_class_leaves_nothing_behind(toy, command):
    status, _, err = command("class", "regrade", "--changed", "--folder", "clas")
    assert status == 2 and "clas holds no class; begin one with" in err and not (toy.root / "clas").exists()


def test_lock_is_had_on_windows(tmp_path, monkeypatch):
    locked = []

    def locking(handle, mode, size):
        if locked:
            raise PermissionError(13, "Permission denied")
        locked.append(os.lseek(handle, 0, os.SEEK_CUR))

    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", types.SimpleNamespace(locking=locking, LK_NBLCK=2))
    monkeypatch.setattr(sys, "platform", "win32")
    spec = importlib.util.spec_from_file_location("grader.classroom.store_of_windows", stores.__file__)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    with found.hold(tmp_path / "class"):
        assert locked[0] > 1000, "what is locked cannot be read, and the file is to be"
        assert found.describe_holder(tmp_path / "class") == f"process {os.getpid()}"
        with pytest.raises(UsageError, match="is being graded by process"), found.hold(tmp_path / "class"):
            pass


def test_second_run_beside_a_running_one_is_refused(toy, tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from grader.classroom import store\n"
        "with store.hold(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "class")], stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert other.stdout.readline() == b"held\n"
        assert stores.describe_holder(tmp_path / "class") == f"process {other.pid}"
        refused = pytest.raises(UsageError, match=rf"is being graded by process {other.pid}")
        with refused, stores.hold(tmp_path / "class"):
            pass
        scratch = Path((tmp_path / "class" / stores.LOCK).read_text().partition("\n")[2])
        assert scratch.is_dir()
    finally:
        other.kill()
        other.wait()
    assert not stores.describe_holder(tmp_path / "class")
    with stores.hold(tmp_path / "class"):
        assert not scratch.exists()


def test_course_is_no_export(toy, command):
    for source in (".", "..", str(toy.root)):
        status, _, err = command("class", "grade", source, "--folder", str(toy.root.parent / "elsewhere"))
        assert status == 2 and f"{source} holds the course itself; give the folder of submissions" in err
    assert not (toy.root.parent / "elsewhere").exists()


def test_people_called_alike_can_be_told_apart_in_a_list(tmp_path):
    with fill_store(tmp_path, 2, checks=4, names=["Ada", "Ada"]) as store:
        lines = list(report.list_found(store.find("ada"), tmp_path))
    assert lines[0].startswith("submission_100000: Ada (s000000): graded, ")
    assert lines[1].startswith("submission_100001: Ada (s000001): graded, ")


def test_key_like_an_option_is_named_as_no_option():
    words = stores.say_command(Path("my class"), "show", subject="-e.zip")
    assert shlex.split(words)[-5:] == ["show", "--folder", "my class", "--", "-e.zip"]


def test_time_left_is_never_negative(tmp_path):
    """Even where the clock was set back since the run began."""
    with fill_store(tmp_path, 3, checks=4) as store:
        run = store.begin_run("2999-01-01T00:00:00+00:00", 9)
        store.finish([JobEnding("submission_100000", State.FAILED, problem="x", run=run)])
        assert list(report.describe_status(store, "process 12", 0))[2].endswith("; left: 0 s.")


@pytest.mark.parametrize("wanted, free_gb, slots", [(100, 10, 10), (None, 1, 1), (3, 10, 3), (2, 1, 1)])
def test_jobs_are_no_more_than_memory_allows(toy, monkeypatch, wanted, free_gb, slots):
    monkeypatch.setattr(Path, "read_text", lambda file: f"MemTotal: 1 kB\nMemAvailable: {free_gb << 20} kB\n")
    found, note = executors.count_slots(toy.manifest, wanted)
    assert found == slots
    assert bool(note) == (wanted is not None and wanted > slots)
    if note:
        need = "jobs need 2.0 GB for one that fills its memory and 800 MB for each"
        assert note == f"{slots} instead of {wanted} at a time: {need}, and {free_gb:.1f} GB are free"


@pytest.mark.parametrize(("limit_gb", "slots", "need_gb"), [(3, 2, 1), (6, 5, 2), (64, 10, 2)])
def test_jobs_in_a_container_are_no_more_than_its_limit_allows(toy, monkeypatch, limit_gb, slots, need_gb):
    """Of which a worker gets a third at most; the machine has 10 GB free."""
    texts = {"memory.max": f"{limit_gb << 30}\n", "meminfo": f"MemAvailable: {10 << 20} kB\n"}
    monkeypatch.setattr(Path, "read_text", lambda file: texts.get(file.name, ""))
    free = min(limit_gb, 10)
    need = f"jobs need {need_gb:.1f} GB for one that fills its memory and 800 MB for each, and {free:.1f} GB are free"
    assert executors.count_slots(toy.manifest, 100) == (slots, f"{slots} instead of 100 at a time: {need}")


def test_command_says_that_it_takes_fewer_jobs(toy, command, monkeypatch):
    monkeypatch.setattr(executors, "count_slots", lambda manifest, wanted: (1, f"1 instead of {wanted}: full"))
    status, _, err = command("class", "grade", str(toy.root / "nowhere"), "--jobs", "100")
    assert (status, err.splitlines()[0]) == (2, "1 instead of 100: full")
