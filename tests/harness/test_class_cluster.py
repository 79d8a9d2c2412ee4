"""Dask's workers grade as slots do, the cluster scripts of the docs run, and a scheduler's death loses nothing."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from distributed import Client

from grader.classroom import executors
from grader.classroom.view import State, StoreView
from tests.harness.test_class_engine import await_graded, command, hand_in, read_marks, start, states
from tests.harness.test_class_grade import comparable

ROOT = Path(__file__).parents[2]
STAND_INS = {
    "dask_jobqueue.py": """
from distributed import LocalCluster

class SLURMCluster(LocalCluster):
    def __init__(self, cores, processes, memory, walltime, local_directory, job_script_prologue):
        assert cores == processes == 1 and all(line.startswith("export ") for line in job_script_prologue)
        super().__init__(n_workers=0, threads_per_worker=1, memory_limit=0, dashboard_address=None)

    def scale(self, jobs):
        super().scale(min(jobs, 2))
""",
    "dask_kubernetes/operator.py": """
from distributed import LocalCluster

def make_cluster_spec(name, image, n_workers, resources, env, worker_command):
    assert "--nthreads 1" in worker_command and n_workers == int(n_workers)
    return {"n_workers": min(n_workers, 2)}

class KubeCluster(LocalCluster):
    def __init__(self, custom_cluster_spec):
        super().__init__(**custom_cluster_spec, threads_per_worker=1, memory_limit=0, dashboard_address=None)
""",
}


def run_script(course, folder: Path, name: str, source: Path) -> subprocess.CompletedProcess:
    for file, text in STAND_INS.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    words = [sys.executable, str(ROOT / "docs/cluster" / name), str(source)]
    return subprocess.run(words, cwd=course.root, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slurm.py", "kubernetes.py"])
def test_scripts_of_the_docs_grade_a_class(toy, tmp_path, name):
    done = run_script(toy, tmp_path / "stand-ins", name, hand_in(toy, tmp_path / "in", 3))
    assert done.returncode == 0 and "This run: 3 of 3" in done.stdout, done.stdout + done.stderr
    assert states(toy) == [State.GRADED] * 3


@pytest.mark.slow
def test_dask_grades_as_slots_do(toy, tmp_path):
    source = hand_in(toy, tmp_path / "in", 3)
    out, _ = start(toy, source, "--scheduler", "local").communicate(timeout=300)
    assert "This run: 3 of 3" in out, out
    with StoreView.open(toy.root / "class") as store:
        found = [comparable(store.record(one.id)) for one in store.submissions(State.GRADED)]
    assert len(found) == 3 and len(set(found)) == 1
    out, _ = start(toy, source, "--folder", "other").communicate(timeout=300)
    with StoreView.open(toy.root / "other") as store:
        assert comparable(store.record(store.submissions()[0].id)) == found[0]


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1:1"])
def test_scheduler_that_is_not_there(toy, tmp_path, request, monkeypatch, address):
    monkeypatch.setattr(executors, "CLUSTER_SECONDS", 1)
    status, _, err = request.getfixturevalue("command")(
        "class", "grade", str(hand_in(toy, tmp_path / "in", 1)), "--scheduler", address
    )
    assert status == 2 and f"no scheduler answers at '{address}'" in err and "start one with dask scheduler" in err


@pytest.mark.slow
def test_ctrl_c_reaches_no_worker_of_this_machine(toy, tmp_path):
    source = hand_in(toy, tmp_path / "in", 6)
    words = [*command(toy, source), "--scheduler", "local"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "start_new_session": True}
    run = subprocess.Popen(words, cwd=toy.root, env={**os.environ, "PYTHONPATH": str(ROOT)}, **pipes)
    await_graded(toy, 1, run)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does
    out, _ = run.communicate(timeout=120)
    assert run.returncode == 1 and "the same command goes on where this one ended" in out, out
    assert "Traceback" not in out and "Warning" not in out, out


def serve(folder: Path, *words: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0"}
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, "-m", "dask", *words], cwd=folder, env=environment, **silent)


def end(process: subprocess.Popen) -> None:
    """Kill a process and all that it has started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in (*psutil.Process(process.pid).children(recursive=True), process):
            one.kill()
    process.wait()


def kill_one_of(victim: str, served: list[subprocess.Popen]) -> int:
    """Kill the scheduler, or what grades, which its nanny starts again; return how many were killed."""
    found = [psutil.Process(served[0].pid)]
    if victim == "worker":
        children = psutil.Process(served[1].pid).children()
        found = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    for process in found:
        process.kill()
    return len(found)


def await_worker(address: str) -> None:
    with Client(address, timeout=120) as client:
        client.wait_for_workers(1, timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "first"), [("scheduler", 18786), ("worker", 18886)])
def test_ten_deaths_at_random_moments_lose_nothing(toy, tmp_path, victim, first):
    source, draw, kills, told = hand_in(toy, tmp_path / "in", 6), random.Random(3), 0, 0
    reported: dict[str, tuple] = {}
    length = 20.0  # seconds that a run takes; the shortest of those that ended before their moment
    for port in range(first, first + 30):
        address = f"tcp://127.0.0.1:{port}"
        served = [serve(tmp_path, "scheduler", "--port", str(port), "--no-dashboard")]
        served += [serve(tmp_path, "worker", address, "--nthreads", "1", "--memory-limit", "0")]
        try:
            await_worker(address)
            served.append(run := start(toy, source, "--scheduler", address))
            began = time.monotonic()
            until = began + draw.uniform(1, length)
            while time.monotonic() < until and run.poll() is None:
                time.sleep(0.1)
            if run.poll() is None:
                kills += kill_one_of(victim, served)
            else:
                length = min(length, time.monotonic() - began)
            out, _ = run.communicate(timeout=300)
        finally:
            for process in served:
                end(process)
        now, said = read_marks(toy), " ".join(out.split())
        assert State.FAILED not in states(toy) and reported.items() <= now.items(), out
        assert "Traceback" not in out, out
        if victim == "scheduler" and run.returncode:
            gone = "the scheduler has gone; the same command goes on" in said
            assert run.returncode == 2 and (gone or "no scheduler answers at" in said or "has no worker;" in said), out
            told += gone
        else:
            assert run.returncode == 0, out
        reported = now
        if len(now) == 6:
            shutil.rmtree(toy.root / "class")
            reported = {}
        if kills >= 10:
            break
    assert kills >= 10 and (victim == "worker" or told)
    out, _ = start(toy, source).communicate(timeout=300)
    assert {score for score, *_ in read_marks(toy).values()} == {8} and len(read_marks(toy)) == 6, out
