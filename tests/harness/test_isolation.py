"""The layers of isolation: each is found active by trying, missing when left out, and loud when it breaks code."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grader.errors import OutOfTime, SandboxError, WorkerRaised, WorkerTimeout
from grader.grading.submission import UNSAFE, grade_submission
from grader.limits import MEGABYTE
from grader.sandbox import policy
from grader.sandbox.child import confine, start
from grader.sandbox.parent.client import WorkerClient, launch_worker
from grader.sandbox.parent.isolation import (
    Isolation,
    TriedAct,
    explain_missing_layer,
    modules_to_compile,
    probe,
    write_bytecode,
)
from grader.sandbox.parent.zygote_pool import START, ZygotePool
from grader.sandbox.policy import LAYERS, Policy, WorkerLimits, why_too_weak
from grader.sandbox.wire import Unsendable, unpack_frame

ROOT = os.geteuid() == 0
HERE = [layer for layer in LAYERS if layer in Policy.full() and (layer != "landlock" or confine.read_version())]
LIBRARIES = ("numpy",)


@pytest.fixture(scope="module")
def full():
    """A pool whose workers get every layer."""
    with contextlib.closing(ZygotePool(Policy.full())) as zygotes:
        yield zygotes


@pytest.fixture
def package(tmp_path):
    """Makes a package of one module in a folder that every user can reach, and a worker holding it."""
    workers = []
    os.chmod(tmp_path, 0o755)
    for parent in tmp_path.parents:
        if parent.name.startswith(("pytest-", "popen-")):  # pytest's own, of the session and of one of its processes
            os.chmod(parent, 0o755)

    def make(zygotes: ZygotePool, text: str, libraries=LIBRARIES, **options) -> WorkerClient:
        folder = tmp_path / f"package{len(workers)}"
        folder.mkdir()
        (folder / "module.py").write_text(text)
        worker = launch_worker(zygotes.get(libraries), folder, "package", WorkerLimits(call_seconds=10.0), **options)
        workers.append(worker)
        worker.load(libraries, bytecode=options.get("bytecode", ""))
        worker.start(0)
        return worker

    yield make
    for worker in workers:
        worker.kill()


def test_every_layer_of_this_machine_is_active(full):
    found = probe(full)
    assert found.active == HERE
    assert found.refusal() == ""


@pytest.mark.parametrize("layer", HERE)
def test_a_layer_left_out_is_found_missing(layer):
    also = ["uid"] if layer == "privileges" else []  # who changes the user id is not dumpable any more
    with contextlib.closing(ZygotePool(Policy.full().without(layer, *also))) as zygotes:
        found = probe(zygotes)
    assert layer not in found.active
    if layer == "seccomp":
        assert "seccomp is missing" in found.refusal()
        assert {finding.act for finding in found.findings if finding.layer == layer and finding.done} >= {
            "start a process",
            "open a socket",
        }


def test_an_open_worker_has_no_layer():
    with contextlib.closing(ZygotePool(Policy.open())) as zygotes:
        assert probe(zygotes).active == []


def test_answers_a_worker_could_read_are_told():
    answers = [TriedAct("answers", "reference", True, ""), TriedAct("answers", "tests/hidden", False, "")]
    found = Isolation(answers + [TriedAct(x, "", False, "") for x in HERE], root=Path("/course"))
    assert found.refusal() == (
        "a worker could read what holds answers: reference; "
        "set the mode of the course's folder to 700: chmod 700 /course"
    )


@pytest.mark.parametrize(
    "mode, layers, exposed", [(0o755, ["landlock"], True), (0o700, ["landlock"], False), (0o755, [], False)]
)
def test_without_landlock_the_answers_folder_or_the_courses_has_to_be_closed(tmp_path, mode, layers, exposed):
    """Folders further up may be passed by an open descriptor below them, so their mode does not count."""
    (tmp_path / "home" / "course" / "reference").mkdir(parents=True)
    secret = tmp_path / "home" / "course" / "reference" / "answers.py"
    secret.write_text("42")
    secret.parent.chmod(mode)
    (tmp_path / "home").chmod(0o700)
    with contextlib.closing(ZygotePool(Policy.full().without(*layers))) as zygotes:
        found = probe(zygotes, secrets=[secret], root=tmp_path / "home" / "course")
        assert [x.done for x in found.findings if x.layer == "answers"] == [exposed]


KINDS = {
    "solution": "solution/shapes.py",
    "checks/hidden": "checks/hidden/test_q1_rectangles.py",
    "checks/mistakes": "checks/mistakes/q1.toml",
    "notebooks/source": "notebooks/source/Rectangles.py",
    "checks/hidden/images.secret": "checks/hidden/images.secret",
    ".git": ".git/objects/5a/0b",
    "solutions": "solutions/Rectangles.ipynb",
    "demo.zip": "demo.zip",
}


@pytest.fixture
def open_course(toy):
    """The toy course with every kind of answers, in folders that all users can enter."""
    toy.replace("assignment.toml", "[limits]", '[container]\nsecrets = ["checks/hidden/images.secret"]\n\n[limits]')
    for name in KINDS.values():
        if not (toy.root / name).exists():
            toy.write(name, "42")
    for place in (toy.root, *toy.root.rglob("*")):
        place.chmod(0o755 if place.is_dir() else 0o644)
    return toy


@pytest.mark.skipif(not ROOT, reason="without root, Landlock is needed anyway")
@pytest.mark.parametrize("kind", KINDS)
def test_without_landlock_each_kind_of_answers_has_to_be_closed(open_course, kind):
    """One open file suffices: all else is closed, and the refusal names what is not."""
    for name in KINDS.values():
        (open_course.root / name).chmod(0o600)
    for file in open_course.root.rglob("*.py"):
        file.chmod(0o600)
    for file in open_course.root.rglob("*.toml"):
        file.chmod(0o600)
    (open_course.root / KINDS[kind]).chmod(0o644)
    manifest = open_course.manifest
    with contextlib.closing(ZygotePool(Policy.full().without("landlock"))) as zygotes:
        refusal = probe(zygotes, secrets=manifest.secret_places(), root=manifest.root).refusal()
    named = "checks/hidden, checks/hidden/images.secret" if kind.endswith(".secret") else kind
    assert refusal == (
        f"a worker could read what holds answers: {named}; "
        f"set the mode of the course's folder to 700: chmod 700 {manifest.root}"
    )


@pytest.mark.skipif(not ROOT, reason="without root, Landlock is needed anyway")
def test_without_landlock_a_closed_course_is_enough(open_course):
    manifest = open_course.manifest
    with contextlib.closing(ZygotePool(Policy.full().without("landlock"))) as zygotes:
        assert probe(zygotes, secrets=manifest.secret_places(), root=manifest.root).refusal().count(" and 3 more;") == 1
        manifest.root.chmod(0o700)
        assert probe(zygotes, secrets=manifest.secret_places(), root=manifest.root).refusal() == ""


def test_what_official_grading_needs():
    assert why_too_weak(["uid", "seccomp"]) == "" == why_too_weak(["landlock", "seccomp"])
    assert why_too_weak(["uid", "landlock"]).startswith("seccomp is missing")
    assert why_too_weak(["seccomp"]).startswith("neither a user id of its own nor Landlock")


def test_isolation_that_breaks_code_is_no_isolation(monkeypatch, full):
    """A layer that stops everything stops every attack too; the control has to notice."""
    monkeypatch.setattr("grader.sandbox.parent.isolation.PROBE", Path(__file__).with_name("broken_probe"))
    found = probe(full)
    assert "a worker cannot do what it must (imports: " in found.refusal()
    assert "must be able to reach the interpreter" in found.refusal()


def test_each_worker_has_a_user_of_its_own(full, package):
    users = [package(full, "import os\ndef who():\n    return os.getuid()\n").root().module.who() for _ in range(3)]
    assert len(set(users)) == 3 and os.getuid() not in users if ROOT else users == [os.getuid()] * 3


def test_the_reference_keeps_the_graders_user(full, package):
    worker = package(full, "import os\ndef who():\n    return os.getuid()\n", trusted=True)
    assert worker.root().module.who() == os.getuid()


LAZY = """
def lazy():
    import csv, decimal, email.message, fractions, statistics, unittest, wave, xml.dom
    import numpy.testing, numpy.ma, numpy.polynomial, numpy.fft
    return numpy.polynomial.Polynomial([1, 2])(2)
"""


def test_libraries_can_be_imported_lazily(full, package):
    assert package(full, LAZY).root().module.lazy() == 5


@pytest.mark.parametrize("library", ["torch", "scipy", "pytest", "msgspec"])
def test_other_libraries_are_refused_kindly(full, package, library):
    worker = package(full, f"def use():\n    import {library}\n")
    with pytest.raises(WorkerRaised, match=f"{library} is not for this question; use the standard library and numpy"):
        worker.root().module.use()


AS_NUMPY = """
def use(name):
    exec(f"import {name}", {"__name__": "numpy.late"})
"""


@pytest.mark.parametrize("library", ["scipy", "msgspec"])
def test_what_a_library_asks_for_and_may_not_read_is_not_there(full, package, library):
    """Libraries try what they can do without, and expect no other error: numpy.f2py, which a star imports, is one."""
    with pytest.raises(WorkerRaised, match=f"^No module named '{library}'"):
        package(full, AS_NUMPY).root().module.use(library)


def test_all_of_numpy_can_be_imported(full, package):
    assert package(
        full, "from numpy import *\ndef use():\n    return f2py.__name__, float(exp(0.0))\n"
    ).root().module.use() == (
        "numpy.f2py",
        1.0,
    )


BEHIND = """
import sys
def use(name):
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder.__module__.startswith("_frozen")]
    __import__(name)
"""


@pytest.mark.skipif(not confine.read_version(), reason="it is Landlock that keeps the files away")
@pytest.mark.parametrize("library", ["torch", "scipy", "grader.checks"])
def test_other_libraries_cannot_be_read(full, package, library):
    with pytest.raises(WorkerRaised, match=r"Permission denied|No module named"):
        package(full, BEHIND).root().module.use(library)


def test_modules_that_are_nowhere_are_not_called_forbidden(full, package):
    with pytest.raises(WorkerRaised, match="No module named 'nowhere'"):
        package(full, "def use():\n    import nowhere\n").root().module.use()


def test_bytecode_comes_from_a_worker_that_runs_nothing(full, package, tmp_path):
    text = "raise SystemExit('ran')\n"
    folder = tmp_path / "compiled"
    folder.mkdir()
    (folder / "loud.py").write_text(text)
    (folder / "wrong.py").write_text("def (")
    worker = launch_worker(full.get(LIBRARIES), folder, "package", WorkerLimits())
    try:
        loud, wrong = worker.compile(modules_to_compile(folder))
    finally:
        worker.kill()
    assert wrong is None and b"ran" in loud.tobytes()


def test_workers_find_the_bytecode_and_write_none(full, package, tmp_path):
    cache = tmp_path / "bytecode"
    cache.mkdir()
    text = "import sys\ndef where():\n    return sys.modules[__name__].__cached__\n"
    worker = package(full, text, bytecode=str(cache))
    assert worker.root().module.where().startswith(str(cache))
    assert list(cache.rglob("*.pyc")) == []
    compiler = launch_worker(full.get(LIBRARIES), worker.package, "package", WorkerLimits())
    write_bytecode(cache, worker.package / "module.py", compiler.compile(["module.py"])[0])
    compiler.kill()
    again = launch_worker(full.get(LIBRARIES), worker.package, "package", WorkerLimits(), bytecode=str(cache))
    again.load(LIBRARIES, bytecode=str(cache))
    again.start(0)
    assert Path(again.root().module.where()).is_file()
    again.kill()


def test_names_of_a_library_are_asked_for_only_once_for_all_workers(full, package):
    """Checks come to the same few names in every worker; what is put under a name later is found there all the same."""
    named, asked = {}, []
    for _ in range(2):
        worker = package(full, "import numpy\n\n\ndef turn():\n    numpy.linalg.norm = abs\n", named=named)
        turn = worker.root().module.turn
        worker.tap = lambda frame, reply: (asked.append(frame), reply)[1]
        norm = worker.root().library("numpy").linalg.norm
        assert norm(np.array([3.0, 4.0])) == 5
        turn()
        assert norm(-1) == 1
    operations = [unpack_frame(frame)[0]["op"] for frame in asked]
    assert operations == ["get", "get", *["call"] * 6]


NETS = """
class Net:
    def __init__(self, size):
        self.size, self.params = size, {}

    def grow(self):
        self.size += 1
        return self.size

    def forget_how(self):
        self.grow = None
"""


def test_methods_are_asked_for_only_once_for_all_objects_of_a_class(full, package):
    """A call names the object and the method, which is looked up then; no other attribute is taken for known."""
    named, asked = {}, []
    for _ in range(2):
        worker = package(full, NETS, named=named)
        make = worker.root().module.Net
        nets = [make(1), make(5)]
        worker.tap = lambda frame, reply: (asked.append(frame), reply)[1]
        assert [net.grow() for net in nets for _ in range(2)] == [2, 3, 6, 7]
        assert [net.size for net in nets] == [3, 7]
        for net, part in zip(nets, "ab", strict=True):
            net.params.update({part: 1})
        assert [list(net.params) for net in nets] == [["a"], ["b"]]
    methods = [message["key"] for frame in asked if (message := unpack_frame(frame)[0])["op"] == "get"]
    assert {name: methods.count(name) for name in methods} == {"grow": 1, "size": 4, "params": 8, "update": 1}
    nets[0].forget_how()
    with pytest.raises(WorkerRaised, match="not callable"):
        nets[0].grow()
    assert worker.root().module.Net.grow(nets[1]) == 8


def test_a_zygote_starts_where_proc_cannot_be_read(monkeypatch):
    """Huge pages only save time: a system without /proc, or one that hides it, forks as well without them."""

    def refuse(path, *_):
        raise FileNotFoundError(path)

    monkeypatch.setattr("builtins.open", refuse)
    start.join_pages()


JOINED = """
import ctypes, mmap, re, runpy, sys
start = runpy.run_path(sys.argv[1], run_name="start")
kept = [bytes(400) for _ in range(50_000)]
count = lambda: sum(map(int, re.findall(r"AnonHugePages: *(\\d+)", open("/proc/self/smaps").read())))
before = count()
start["join_pages"]()
joined, probe = count(), mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE)
probe.write(bytes(8 << 20))
try:
    probe.madvise(start["MADV_COLLAPSE"])
except OSError:
    pass
print(before, joined, count() - joined, all(part == bytes(400) for part in kept))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="workers are forked on Linux only")
def test_a_zygotes_heap_is_joined_into_huge_pages_where_the_kernel_can_do_that():
    """A fork copies an entry for each page, and its end frees as many."""
    code = [sys.executable, "-c", JOINED, str(START)]
    before, joined, possible, whole = subprocess.run(code, capture_output=True, text=True, check=True).stdout.split()
    assert whole == "True"
    assert int(joined) - int(before) > 10_000 or possible == "0"


def test_a_worker_gets_a_third_of_a_containers_memory(tmp_path):
    assert policy.cap_memory(2048, tmp_path) == 2048
    (tmp_path / "memory.max").write_text("max\n")
    assert policy.cap_memory(2048, tmp_path) == 2048
    (tmp_path / "memory.max").write_text(f"{768 * MEGABYTE}\n")
    assert (policy.cap_memory(2048, tmp_path), policy.cap_memory(100, tmp_path)) == (256, 100)


def test_only_what_a_question_needs_can_be_read():
    site = str(Path(__import__("numpy").__file__).parents[1])
    numpy, torch = (confine.readable_paths(libraries, [site]) for libraries in (["numpy"], ["torch"]))
    names = {Path(place).name for place in numpy}
    assert {"numpy", "numpy.libs", "json", "lib-dynload"} <= names
    assert not {"torch", "scipy", "site-packages", "grader"} & names
    assert {"torch", "sympy", "typing_extensions.py"} <= {Path(place).name for place in torch}


def test_private_folders_are_told_from_others(tmp_path):
    private = tmp_path / "private" / "inside"
    private.mkdir(parents=True)
    (tmp_path / "private").chmod(0o700)
    assert not confine.is_reachable(str(private))
    assert confine.is_reachable("/usr")


@pytest.fixture
def weak(monkeypatch):
    """A machine without system call filters."""
    policy = Policy.full().without("seccomp")
    monkeypatch.setattr(Policy, "full", classmethod(lambda cls: policy))


def test_grading_is_refused_where_code_cannot_be_isolated(toy, tmp_path, weak):
    out = tmp_path / "results.json"
    with pytest.raises(SandboxError, match=r"seccomp is missing.*python -m grader doctor"):
        grade_submission(toy.manifest, toy.root / "student", out, "gradescope")
    assert "seccomp is missing" in json.loads(out.read_text())["output"]


@pytest.mark.parametrize("form", ["gradescope", "record", "markdown"])
def test_unsafe_grading_says_so_in_every_report(toy, tmp_path, weak, form):
    out = tmp_path / "report"
    record = grade_submission(toy.manifest, toy.root / "solution", out, form, unsafe=True)
    assert record.score == record.max_score and "seccomp" not in record.isolation
    assert UNSAFE in out.read_text() and "seccomp is missing" in out.read_text()


def test_grading_names_the_layers_that_held(toy, tmp_path):
    record = grade_submission(toy.manifest, toy.root / "solution", tmp_path / "results.json", "gradescope")
    assert record.isolation == HERE and record.score == record.max_score


def test_doctor(command):
    status, out, _ = command("doctor")
    assert status == 0 and "Official grading is possible here." in out
    assert out.count(" active ") == len(HERE)


@pytest.mark.parametrize(
    "layers, reason", [(["seccomp"], "seccomp is missing"), (["uid", "landlock"], "neither a user")]
)
def test_doctor_says_when_grading_would_be_refused(command, layers, reason):
    status, out, _ = command("doctor", *[word for layer in layers for word in ("--without", layer)])
    assert status == 1 and f"Official grading is refused here: {reason}" in out
    assert out.count(" missing ") == len(LAYERS) - len(set(HERE) - set(layers))


def test_doctor_knows_its_layers(command):
    status, _, err = command("doctor", "--without", "selinux")
    assert status == 2 and "there is no layer 'selinux'; choose from session, descriptors" in err


def test_reasons_for_a_missing_layer():
    assert "switched off" in explain_missing_layer("seccomp")


def test_a_proxy_means_nothing_to_another_worker(full, package):
    """Its number would stand for another object there, and a worker may give what numbers it likes."""
    ours, theirs = (package(full, "def keep(x):\n    return {1: x}\n") for _ in range(2))
    with pytest.raises(Unsendable, match="another worker"):
        ours.root().module.keep(theirs.root().module.keep(1))


NESTED = "def lazy():\n    import importlib.resources.readers, importlib.resources.simple\n    return 5\n"


def test_a_package_in_a_package_loaded_early_can_be_imported_from_late(full, package):
    assert package(full, NESTED).root().module.lazy() == 5


TORCH = """
import sys
import torch
from torch import nn


def learn():
    layer, data = nn.Linear(2, 1), torch.ones(4, 2)
    for kind in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop):
        optimizer = kind(layer.parameters(), lr=0.1)
        optimizer.zero_grad()
        (layer(data) ** 2).sum().backward()
        optimizer.step()
    return "torch._dynamo.eval_frame" in sys.modules


def derive():
    gradient = torch.func.grad(lambda x: (x**2).sum())(torch.ones(2))
    return gradient[0].item(), torch._dynamo.is_compiling(), "torch._dynamo.eval_frame" in sys.modules
"""


def test_optimizers_learn_without_the_compiler_and_what_needs_it_loads_it(full, package):
    worker = package(full, TORCH, libraries=("torch", "numpy"))
    worker.timeout_for = lambda callee: 120  # loading the compiler takes a second of CPU time
    module = worker.root().module
    assert module.learn() is False
    assert module.derive() == (2.0, False, True)


LATE = """
import sys


def list_modules():
    return sorted(sys.modules)


def fail(value):
    raise ValueError("no")


def differentiate():
    import torch

    x = torch.ones(2, requires_grad=True)
    (2 * x).backward(torch.ones_like(x))
    return str((torch.zeros(2, device="meta") * 2).device)
"""


def test_no_worker_loads_a_library_by_itself_to_report_an_exception_or_to_differentiate(full, package):
    for libraries in [("numpy",), ("torch", "numpy")]:
        module = package(full, LATE, libraries=libraries).root().module
        loaded = module.list_modules()
        with pytest.raises(WorkerRaised):
            module.fail(1)
        if "torch" in libraries:
            assert module.differentiate() == "meta"
        assert module.list_modules() == loaded


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux says how long a process waited for a core")
def test_no_call_pays_for_the_time_in_which_others_had_its_core(full, package):
    burn = "def burn(seconds):\n    while time.process_time() < seconds:\n        pass\n"
    worker = package(full, f"import time\n{burn}\ndef sleep(seconds):\n    time.sleep(seconds)\n")
    spent = worker.transport.process.cpu_seconds()
    worker.timeout_for = lambda callee: 0.5
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(worker.transport.process.pid, {core})
    loop = f"import os, time\nos.sched_setaffinity(0, {{{core}}})\nend = time.monotonic() + 20\n"
    loop += "while time.monotonic() < end:\n    pass"
    others = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(4)]
    try:
        worker.root().module.burn(spent + 0.35)
        with pytest.raises(WorkerTimeout):
            worker.root().module.sleep(3)
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_a_worker_ends_where_the_run_is_over_before_its_call(full, package):
    def end():
        raise OutOfTime

    worker = package(full, "import time\n\ndef sleep(seconds):\n    time.sleep(seconds)\n")
    worker.timeout_for, worker.overtime = (lambda callee: 0.1), end
    with pytest.raises(OutOfTime):
        worker.root().module.sleep(3)
    assert not worker.alive
