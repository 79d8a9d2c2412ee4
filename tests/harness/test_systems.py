"""Other systems, faked: what starts a worker on Windows, what macOS lacks, and what doctor says on each."""

import contextlib
import os
import socket
import subprocess
import sys

import pytest

from grader.checks.choice import Selection
from grader.errors import SandboxError, WorkerCrashed
from grader.grading import run
from grader.results.record import NoteKind, Outcome
from grader.sandbox.parent import zygote_pool
from grader.sandbox.parent.client import launch_worker
from grader.sandbox.parent.zygote_pool import PlainProcesses, ZygotePool
from grader.sandbox.policy import WorkerLimits

REDIRECTOR = """#!{python}
import subprocess, sys
sys.exit(subprocess.run([{base!r}, *sys.argv[1:]], close_fds=False).returncode)
"""
SHARING = """#!{python}
import os, socket, sys
def take(shared):
    pid, number = map(int, shared.split())
    if pid != os.getpid():
        raise OSError(10022, "this socket was shared with another process")
    return socket.socket(fileno=number)
socket.fromshare = take
arguments = sys.argv[1:]
code = arguments[arguments.index("-c") + 1]
sys.argv = ["-c", *arguments[arguments.index("-c") + 2:]]
exec(code)
"""


@pytest.fixture
def windows(tmp_path, monkeypatch):
    """Fakes Windows: the environment's interpreter starts another process, and a socket is shared with a process id.

    The base interpreter runs in the process that was started; it takes a socket only if that was shared with it.
    """
    base, redirector = tmp_path / "base-python", tmp_path / "python"
    base.write_text(SHARING.format(python=sys.executable))
    redirector.write_text(REDIRECTOR.format(python=sys.executable, base=str(base)))
    for program in (base, redirector):
        program.chmod(0o755)

    pair, sockets = socket.socketpair, []

    def socketpair():
        """Remember which end is the worker's."""
        made = pair()
        sockets[:] = [made[1].fileno()]
        return made

    class Popen(subprocess.Popen):
        """A process that inherits the socket, since nothing can be shared with one that runs already."""

        def __init__(self, words, **options):
            for number in sockets:
                os.set_inheritable(number, True)
            super().__init__(words, **options | {"close_fds": False})

    def share(self, pid):
        return f"{pid} {self.fileno()}".encode()

    monkeypatch.setattr(socket, "socketpair", socketpair)
    monkeypatch.setattr(socket.socket, "share", share, raising=False)
    monkeypatch.setattr(subprocess, "Popen", Popen)
    monkeypatch.setattr(sys, "executable", str(redirector))
    monkeypatch.setattr(sys, "_base_executable", str(base))
    monkeypatch.setattr(sys, "platform", "win32")
    return base


def test_on_windows_the_process_started_is_the_worker(windows, toy):
    """An environment's python.exe is a redirector, with which a socket must not be shared."""
    with contextlib.closing(ZygotePool(make=PlainProcesses)) as zygotes:
        record = run.grade_package(toy.manifest, toy.root / "solution", Selection(["Q1"]), zygotes=zygotes)
    assert [check.message for check in record.checks if check.outcome is not Outcome.PASSED] == []
    assert record.score == record.max_score and record.cpu_seconds > 0


def test_what_a_worker_prints_is_kept_on_windows(windows, toy):
    package = toy.write("loud/rectangles.py", "print('at import', flush=True)\n").parent
    with contextlib.closing(ZygotePool(make=PlainProcesses)) as zygotes:
        worker = launch_worker(zygotes.get(("numpy",)), package, "loud", WorkerLimits())
        worker.load(("numpy",), ["rectangles"])
        worker.start(0)
        worker.kill()
        assert worker.take_output() == "at import\n"


def test_a_worker_that_ends_itself_is_counted_too(toy):
    """Elsewhere than on Linux its CPU time is known only once it is collected."""
    package = toy.write("gone/rectangles.py", "import os\nfor i in range(10**7): pass\nos._exit(0)\n").parent
    with contextlib.closing(ZygotePool(make=PlainProcesses)) as zygotes:
        worker = launch_worker(zygotes.get(("numpy",)), package, "gone", WorkerLimits())
        worker.load(("numpy",), ["rectangles"])
        with pytest.raises(WorkerCrashed):
            worker.start(0)
        spent = zygotes.cpu_seconds()
        assert spent > 0.1
        zygotes.get(("numpy", "another"))
        assert zygotes.cpu_seconds() == spent  # of no library's workers but its own


DYING = {
    "with an exception": (
        "raise ImportError('DLL load failed while importing _multiarray_umath: The module could not be found.')",
        "ImportError: DLL load failed while importing _multiarray_umath: The module could not be found",
    ),
    "without a word": ("import os; os._exit(53)", "it ended by itself with exit status 53"),
}


@pytest.mark.parametrize("code, said", DYING.values(), ids=DYING)
@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_a_worker_that_dies_at_once_says_why(system, code, said, toy, tmp_path, monkeypatch, request):
    if system == "win32":
        request.getfixturevalue("windows")
    broken = tmp_path / "broken.py"
    broken.write_text(code)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(zygote_pool, "START", broken)
    with (
        contextlib.closing(ZygotePool(make=PlainProcesses)) as zygotes,
        pytest.raises(SandboxError) as caught,
    ):
        run.grade_package(toy.manifest, toy.root / "solution", Selection(["Q1"]), zygotes=zygotes)
    assert str(caught.value) == f"a worker could not start: {said}. Set up the environment again."


def test_loading_the_libraries_does_not_count_against_the_code(toy, tmp_path, monkeypatch):
    """Elsewhere than on Linux each worker loads them, which takes long on a slow disk."""
    slow = tmp_path / "slow.py"
    start = f"runpy.run_path({str(zygote_pool.START)!r}, run_name='__main__')"
    slow.write_text(f"import runpy, time\ntime.sleep(1.5)\n{start}")
    monkeypatch.setattr(zygote_pool, "START", slow)
    toy.replace("assignment.toml", "call_seconds = 2", "call_seconds = 1")
    with contextlib.closing(ZygotePool(make=PlainProcesses)) as zygotes:
        record = run.grade_package(toy.manifest, toy.root / "solution", Selection(["Q1"]), zygotes=zygotes)
    assert record.score == record.max_score


MACOS = (
    "macOS has no Landlock, no seccomp and no user ids for workers, only a deadline and limits on CPU time and file "
    "size: enough for your own code, not for that of others"
)
WINDOWS = (
    "Windows has no Landlock, no seccomp and no user ids for workers, only a deadline: enough for your own code, "
    "not for that of others"
)
LACKING = {"darwin": MACOS, "win32": WINDOWS}


def weaknesses(record):
    """The sentences of a run on its isolation."""
    return [note.text for note in record.notes if note.kind is NoteKind.ISOLATION]


def test_macos_keeps_its_workers_and_says_once_what_it_lacks(toy, monkeypatch):
    """Workers are plain processes there, few, and kept from check to check; `watch` runs many times with one pool."""
    monkeypatch.setattr(sys, "platform", "darwin")
    started = []
    monkeypatch.setattr(
        PlainProcesses, "spawn", lambda *args, spawn=PlainProcesses.spawn: started.append(1) or spawn(*args)
    )
    with contextlib.closing(ZygotePool(make=PlainProcesses)) as zygotes:
        first, second = (
            run.grade_package(toy.manifest, toy.root / "solution", Selection(["Q1"]), zygotes=zygotes, keep=True)
            for _ in range(2)
        )
    assert first.score == second.score == first.max_score and first.isolation == ["rlimits"]
    assert len(started) == 4  # student and reference in each run of a dozen checks
    assert (weaknesses(first), weaknesses(second)) == ([f"{MACOS}."], [])


@pytest.mark.parametrize("system", LACKING)
def test_doctor_says_it_in_one_sentence(system, command, request, monkeypatch):
    if system == "win32":
        request.getfixturevalue("windows")
    monkeypatch.setattr(sys, "platform", system)
    status, out, err = command("doctor")
    assert (status, " ".join(out.split()), err) == (1, f"Official grading is refused here: {LACKING[system]}.", "")


def test_grade_refuses_on_macos_with_the_same_sentence(toy, command, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    status, _, said = command("grade", str(toy.root / "solution"), "--out", str(toy.root / "results.json"))
    assert (status, said) == (2, f"cannot run: {MACOS}. See what holds: python -m grader doctor\n")
