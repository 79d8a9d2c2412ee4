"""Whatever dies while a class is graded, nothing that was reported is lost, and no other submission pays."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from grader.classroom import batch
from grader.classroom.engine import JobReport, digest_course, run_job
from grader.classroom.executors import Settings, Slot
from grader.classroom.sources import read_export
from grader.classroom.view import FILENAME, State, StoreView, pack_record
from grader.errors import ChainruleError, IsolationError, SandboxError
from grader.results.record import Note, NoteKind, Record

ROOT = Path(__file__).parents[2]


def hand_in(course, folder: Path, count: int) -> Path:
    for number in range(count):
        package = folder / f"s{number:02}/student"
        package.mkdir(parents=True)
        shutil.copy(course.root / "solution/shapes.py", package)
    return folder


def command(course, source: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "grader", "class", "grade", str(source), "--jobs", "2", *words]


def start(course, source: Path, *words: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command(course, source, *words), cwd=course.root, env=environment, **pipes)


def states(course) -> list[State]:
    if not (course.root / "class" / FILENAME).exists():
        return []
    with StoreView.open(course.root / "class") as store:
        return [one.state for one in store.submissions()]


def await_graded(course, number: int, process: subprocess.Popen) -> None:
    while states(course).count(State.GRADED) < number:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.1)


def fail_marked(job: batch.Job) -> JobReport:
    """Grade nothing; a submission whose name says so ends the process."""
    if "killer" in job.key:
        os._exit(9)
    time.sleep(0.05)
    return JobReport(problem="it was only looked at")


def make_jobs(names: list[str], tmp_path: Path) -> list[batch.Job]:
    return [batch.Job(name, tmp_path, "", tmp_path, tmp_path / name, ()) for name in names]


def test_death_of_a_process_costs_its_own_job_only(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "run_job", fail_marked)
    names = [f"s{number}" for number in range(6)] + ["killer 1", "killer 2"]
    found = {}
    with Slot(tmp_path) as one, Slot(tmp_path) as other:
        jobs, slots = make_jobs(names, tmp_path), [one, other]
        batch.run_jobs(jobs, slots, lambda job: None, lambda job, report: found.update({job.key: report}))
    assert set(found) == set(names)
    deaths = {key for key, report in found.items() if "ended 2 times" in report.problem}
    assert deaths == {"killer 1", "killer 2"}


def test_record_that_is_there_is_not_made_again(toy, tmp_path):
    job = batch.Job("a", tmp_path / "nowhere", "", toy.root, tmp_path / "out.record", ())
    assert "is not where the export says" in run_job(job).problem
    record = Record(assignment="", command="grade", submission="a", score=1)
    job.out.write_bytes(pack_record(record))
    assert run_job(job) == JobReport(record)


@pytest.mark.parametrize(
    "content", [b"half a record", pack_record(Record(assignment="", command="grade", submission="a", held=1))]
)
def test_record_that_is_broken_or_holds_points_is_made_again(toy, tmp_path, content):
    job = batch.Job("a", tmp_path / "nowhere", "", toy.root, tmp_path / "out.record", ())
    job.out.write_bytes(content)
    assert "is not where the export says" in run_job(job).problem


def test_worker_with_other_checks_than_the_run_gives_no_mark(toy, tmp_path, monkeypatch):
    def stop(*_: object, **__: object) -> None:
        raise ChainruleError("here it is graded")

    monkeypatch.setattr("grader.grading.submission.fill_record", stop)
    source, folder = hand_in(toy, tmp_path / "in", 1), tmp_path / "class"
    with batch.open_store(toy.manifest, source, folder, read_export(source)) as store:
        store.add(read_export(source).submissions)
        one, numbers = store.submissions()[0], [store.add_version({"engine": "1"})]
        numbers.append(store.add_version(digest_course(toy.manifest)))
        stale, job = [batch.make_job(store, toy.manifest, folder, one, n, Settings(1)) for n in numbers]
    assert run_job(stale).problem.startswith("checks, manifest, reference, engine or libraries are not those")
    assert run_job(job).problem == "the grader could not go on: here it is graded"


def refuse_disk(job: batch.Job) -> JobReport:
    raise OSError(28, "No space left on device")


def test_error_of_the_grader_is_told_as_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "run_job", refuse_disk)
    found = []
    with Slot(tmp_path) as slot:
        batch.run_jobs(make_jobs(["a"], tmp_path), [slot], lambda job: None, lambda job, report: found.append(report))
    assert [report.problem for report in found] == [
        "the grader could not go on: OSError: [Errno 28] No space left on device"
    ]


def test_process_that_dies_while_it_waits_is_started_again(tmp_path):
    with Slot(tmp_path) as slot:
        first = slot.submit(os.getpid).result(timeout=60)
        os.kill(first, signal.SIGKILL)
        while not slot._pool._broken:
            time.sleep(0.05)
        assert slot.submit(os.getpid).result(timeout=60) != first


def test_submission_that_changed_since_the_export_was_read_is_not_graded(toy, tmp_path):
    (tmp_path / "a.zip").write_text("other bytes")
    job = batch.Job("a", tmp_path / "a.zip", "digest of others", toy.root, tmp_path / "out.record", ())
    assert "have changed since the export was read" in run_job(job).problem and not job.out.exists()


def test_process_that_cannot_start_blames_no_submission(toy, tmp_path, monkeypatch):
    source = hand_in(toy, tmp_path / "in", 1)
    monkeypatch.setattr("grader.classroom.executors.prepare_slot", os._exit)
    with pytest.raises(SandboxError, match="a process that grades could not start"):
        batch.grade_class(toy.manifest, source, toy.root / "class", Settings(1), lambda tally: None)
    assert states(toy) == [State.TODO]


@pytest.mark.parametrize("sent", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_run_that_is_stopped_goes_on(toy, tmp_path, sent):
    source = hand_in(toy, tmp_path / "in", 3)
    first = start(toy, source)
    await_graded(toy, 1, first)
    children = psutil.Process(first.pid).children(recursive=True)
    first.send_signal(sent)
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 1 and "the same command goes on where this one ended" in out, out
    psutil.wait_procs(children, timeout=10)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert State.RUNNING not in states(toy)
    done = states(toy).count(State.GRADED)
    second = subprocess.run(
        command(toy, source), cwd=toy.root, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )
    assert (
        f"This run: {3 - done} of {3 - done}" in second.stdout
        and f"{done} mark{'s' * (done != 1)} by earlier runs" in second.stdout
    )
    assert states(toy) == [State.GRADED] * 3


def read_marks(course) -> dict[str, tuple]:
    """What is reported of each submission that has a mark."""
    if not (course.root / "class" / FILENAME).exists():
        return {}
    with StoreView.open(course.root / "class") as store:
        return {one.key: (one.score, one.finished, one.run) for one in store.submissions(State.GRADED)}


def kill_one(run: subprocess.Popen, victim: str, draw: random.Random) -> bool:
    """Kill the coordinator or one of its slots; return whether there was one."""
    place = psutil.Process(run.pid)
    slots = [child for child in place.children() if "spawn_main" in " ".join(child.cmdline())]
    found = [place] if victim == "coordinator" else slots
    if found:
        draw.choice(found).kill()
    return bool(found)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["coordinator", "slot"])
def test_ten_kills_at_random_moments(toy, tmp_path, victim):
    source, draw, kills = hand_in(toy, tmp_path / "in", 8), random.Random(7), 0
    reported: dict[str, tuple] = {}
    while kills < 10:
        run = start(toy, source)
        while run.poll() is None and kills < 10:
            time.sleep(draw.uniform(1, 8))
            if run.poll() is None:
                kills += kill_one(run, victim, draw)
            if victim == "coordinator":
                run.wait(timeout=60)
        out, _ = run.communicate(timeout=300)
        now = read_marks(toy)
        assert reported.items() <= now.items(), "what was reported stays as it was"
        reported = now
        if len(now) == 8 or victim == "slot":
            assert victim == "coordinator" or run.returncode in (0, 1), out
            shutil.rmtree(toy.root / "class")
            reported = {}
    out, _ = start(toy, source).communicate(timeout=300)
    assert {score for score, *_ in read_marks(toy).values()} == {8} and len(read_marks(toy)) == 8, out
    assert not list((toy.root / "class/records").iterdir())


def test_machine_that_cannot_isolate_ends_a_run_and_fails_nobody(toy, tmp_path, monkeypatch, command):
    """With the sentence that a single `grade` gives, not with one for each submission."""
    source, words = hand_in(toy, tmp_path / "in", 2), "no layer holds here. See what holds: python -m grader doctor"

    def refuse(*_: object, **__: object) -> None:
        raise IsolationError(words)

    monkeypatch.setattr("grader.grading.submission.fill_record", refuse)
    monkeypatch.setattr(batch, "executing", lambda *_: contextlib.nullcontext([ThreadPoolExecutor(1)]))
    status, out, err = command("class", "grade", str(source))
    assert status == 2 and f"cannot run: {words}" in err and "failed" not in out + err
    assert states(toy) == [State.TODO] * 2


@pytest.mark.parametrize("first", ["refused", "graded"])
def test_probe_that_fails_in_the_middle_of_a_run_fails_one_submission(toy, tmp_path, monkeypatch, command, first):
    """A new pool is probed for the next submission. One that was refused has shown nothing about the machine."""
    source, words, pools = hand_in(toy, tmp_path / "in", 4), "no layer holds here", []
    note = Note(NoteKind.REFUSED, "The submission was not graded: its zip is broken.")

    def fill(*facts: object, **_: object) -> None:
        record, zygotes = facts[2], facts[4]
        pools.append(zygotes)
        if len(pools) == 2:
            raise IsolationError(words)
        record.complete, record.notes = True, [note] * (len(pools) == 1 and first == "refused")

    monkeypatch.setattr("grader.grading.submission.fill_record", fill)
    monkeypatch.setattr(batch, "executing", lambda *_: contextlib.nullcontext([ThreadPoolExecutor(1)]))
    status, out, err = command("class", "grade", str(source))
    if first == "refused":
        assert status == 2 and f"cannot run: {words}" in err
        assert states(toy) == [State.REFUSED, *[State.TODO] * 3]
    else:
        assert status == 1 and f"failed: s01: {words}\n" in out and "1 without a mark, since the grader failed" in out
        assert states(toy) == [State.GRADED, State.FAILED, State.GRADED, State.GRADED]
        assert pools[0] is pools[1] and pools[2] is pools[3] and pools[1] is not pools[2]
