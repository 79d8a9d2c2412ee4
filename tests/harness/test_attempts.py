"""What graded code tries and cannot do is told in words of its own: what it did, in which line, what to do instead."""

import numpy as np
import pytest

from grader.checks.wording import explain_error
from grader.errors import Attempt, WorkerRaised
from grader.sandbox.parent.client import launch_worker
from grader.sandbox.policy import WorkerLimits

BESIDE = "find files that are handed in by Path(__file__).parent, and write other data into the module"
WRITES = "writes a file, which graded code may not{place}; print what you want to see, or return it"
READS = f"reads what lies outside of its package, which graded code may not{{place}}; {BESIDE}"
OPENS = f"opens a file that is not there{{place}}; {BESIDE}"
FORKS = "starts another process, which graded code may not{place}; do the work in this one"
CALLS = "uses the network, which graded code may not{place}; write what it needs into the module"
MOVES = f"changes the working folder, which graded code may not{{place}}; {BESIDE}"
HOME = f"asks for a home folder, which graded code does not have{{place}}; {BESIDE}"
ASKS = "calls input(), and nobody is there to answer{place}; remove it"
LEAVES = "ends the program{place}; remove that line; to refuse an argument, raise ValueError"
OTHER = "asks the system for what graded code may not do{place}; remove that line"
GPU = "asks for a GPU, and graded code has none{place}; use the device that is given, or the CPU"
ACTS = {
    "open('log.txt', 'w')": WRITES,
    "np.savetxt('a.txt', x)": WRITES,
    "logging.basicConfig(filename='train.log', force=True)": WRITES,
    "os.makedirs('runs')": WRITES,
    "tempfile.NamedTemporaryFile()": WRITES,
    "os.rename('a', 'b')": WRITES,
    "os.chdir('..')": MOVES,
    "contextlib.chdir('/tmp').__enter__()": MOVES,
    "shutil.disk_usage('/')": OTHER,
    "os.chroot('/')": OTHER,
    "open('/etc/passwd').read()": READS,
    "os.listdir('/')": READS,
    "np.load('datasets/sample.npy')": OPENS,
    "open(os.path.expanduser('~/data.txt'))": OPENS,
    "subprocess.run(['ls'])": FORKS,
    "os.popen('ls').read()": FORKS,
    "os.fork()": FORKS,
    "multiprocessing.Pool(2)": FORKS,
    "urllib.request.urlopen('http://example.com')": CALLS,
    "socket.create_connection(('1.2.3.4', 80))": CALLS,
    "pathlib.Path.home()": HOME,
    "os.environ['HOME']": HOME,
    "getpass.getuser()": HOME,
    "input('go? ')": ASKS,
    "exit()": LEAVES,
    "quit(1)": LEAVES,
    "sys.exit('bad gradient')": LEAVES,
    "os.kill(os.getppid(), 9)": OTHER,
}
RAISED = {
    "AssertionError('Torch not compiled with CUDA enabled')": GPU,
    "RuntimeError('No CUDA GPUs are available')": GPU,
    "RuntimeError('Found no NVIDIA driver on your system.')": GPU,
    'RuntimeError("can\'t start new thread")': "starts too many threads{place}; do the work in one",
}
LINES = [*ACTS, *(f"raise {error}" for error in RAISED)]
HEAD = """import contextlib, getpass, logging, multiprocessing, os, pathlib, pdb, shutil, socket, subprocess, sys
import numpy as np, tempfile, urllib.request
"""
FUNCTION = "def relu_forward(x):\n    {}\n    y = 2 * x\n    return y\n"


@pytest.fixture
def told(tmp_path, zygotes):
    """Calls relu_forward, of this text, in a confined worker, and returns what is said of what it raises."""

    def call(text: str):
        (tmp_path / "layers.py").write_text(HEAD + text)
        worker = launch_worker(zygotes.get(("numpy",)), tmp_path, "student", WorkerLimits(call_seconds=30))
        try:
            worker.load(("numpy",))
            worker.start(1)
            worker.root().layers.relu_forward(np.ones(3))
        except WorkerRaised as error:
            return explain_error(error)
        finally:
            worker.kill()

    return call


@pytest.mark.parametrize("line, sentence", list(zip(LINES, [*ACTS.values(), *RAISED.values()], strict=True)), ids=LINES)
def test_what_graded_code_cannot_do(told, line, sentence):
    found = told(FUNCTION.format(line))
    assert found.full == "relu_forward " + sentence.format(place=f" (layers.py, line 4: {line})")
    assert found.brief == "layers.relu_forward " + sentence.format(place="")


BREAKPOINTS = {
    "breakpoint": ("def relu_forward(x):\n    breakpoint()\n    return x\n", " (layers.py, line 4: breakpoint())"),
    "at the end": ("def relu_forward(x):\n    breakpoint()\n", " (layers.py, line 4: breakpoint())"),
    "pdb": ("def relu_forward(x):\n    pdb.set_trace()\n\n    return x\n", " (layers.py, line 4: pdb.set_trace())"),
    "pdb at the end": ("def relu_forward(x):\n    pdb.set_trace()\n", " (layers.py, line 4: pdb.set_trace())"),
    "in a loop": (
        "def relu_forward(x):\n    for i in range(3):\n        y = i\n        breakpoint()\n    return y\n",
        " (layers.py, line 6: breakpoint())",
    ),
}


@pytest.mark.parametrize("text, place", BREAKPOINTS.values(), ids=BREAKPOINTS)
def test_breakpoint_that_was_left_in(told, text, place):
    found, rest = told(text), "; remove it, or use --debug to stop there"
    assert found.full == f"a breakpoint was left in{place}{rest}"
    assert found.brief == f"a breakpoint was left in layers.relu_forward{rest}"


def test_exception_of_another_kind_keeps_its_words(told):
    for error in ("OSError('disk')", "KeyError('HOMES')", "RuntimeError('no')", "PermissionError('mine')"):
        found = told(FUNCTION.format(f"raise {error}"))
        assert found.full.startswith(f"relu_forward raised {error.partition('(')[0]}: ")
        assert found.brief == "layers.relu_forward raised an exception"


def test_every_attempt_has_a_sentence():
    for attempt in Attempt:
        error = WorkerRaised("layers.relu_forward", "text", kind="OSError", attempt=attempt)
        assert "raised" not in explain_error(error).full
