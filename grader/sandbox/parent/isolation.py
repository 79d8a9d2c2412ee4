"""Prove, before a submission's code runs, that the isolation holds: try in a throwaway worker what each layer forbids.

The package is compiled meanwhile, since no worker writes.
"""

import contextlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from ...course.source import list_modules
from ...errors import IsolationError, WorkerError
from ...files import list_some
from ...limits import COMPILE_SECONDS, COMPILED_BYTES, COMPILED_MODULES, SECRET_FILES
from ..child import confine
from ..policy import LAYERS, WorkerLimits, why_too_weak
from .client import WorkerClient, launch_worker
from .zygote_pool import ZygotePool

PROBE = Path(__file__).parents[1] / "child" / "probe"
SHOWN = 5
CONTROLS = ("imports", "computes", "threads", "sees_itself")
REACH = "its user must be able to reach the interpreter, its libraries and the folder of temporary files (TMPDIR)"


@dataclass(frozen=True)
class TriedAct:
    """One act as it went in a worker: of which layer, what was tried, whether it was done, what was said against it."""

    layer: str
    act: str
    done: bool
    answer: str


@dataclass
class Isolation:
    """The acts that were tried, and the layers of which none of the forbidden ones was done."""

    findings: list[TriedAct]
    broken: str = ""
    root: Path = Path("/")

    @property
    def active(self) -> list[str]:
        """The layers in force, in the order in which they are put on."""
        tried = {finding.layer for finding in self.findings}
        done = {finding.layer for finding in self.findings if finding.done}
        return [layer for layer in LAYERS if layer in tried - done]

    def refusal(self) -> str:
        """Return why official grading is not possible in this isolation; empty when it is."""
        return self.broken or why_too_weak(self.active) or self._exposure()

    def _exposure(self) -> str:
        """Return which answers a worker could read; empty where there are none."""
        exposed = [finding.act for finding in self.findings if finding.layer == "answers" and finding.done]
        if not exposed:
            return ""
        what = f"a worker could read what holds answers: {list_some(exposed, SHOWN)}"
        return f"{what}; set the mode of the course's folder to 700: chmod 700 {self.root}"


def probe(
    zygotes: ZygotePool,
    libraries: tuple[str, ...] = ("numpy",),
    secrets: Iterable[Path] = (),
    root: Path = Path("/"),
) -> Isolation:
    """Try everything in one worker with these libraries; no worker may be able to read what lies in `secrets`.

    Without Landlock a folder from `root` downwards has to keep others out of them: a way around those further up may
    stand open, through a descriptor of the interpreter's.
    Where workers are no forks of a zygote there is nothing to try: their layers are those they always have.
    """
    if not zygotes.get(libraries).fresh_workers:
        return Isolation([TriedAct("rlimits", "", sys.platform == "win32", "")])
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        os.chmod(folder, 0o755)
        package = Path(shutil.copytree(PROBE, Path(folder, "probe"), ignore=shutil.ignore_patterns("__pycache__")))
        for place in (package, *package.rglob("*")):
            place.chmod(0o755)
        outside = Path(folder, "outside.txt")
        outside.write_text("anyone may read this")
        outside.chmod(0o644)
        worker = launch_worker(zygotes.get(libraries), package, "probe", WorkerLimits())
        try:
            worker.load(libraries)
            return replace(_try_all(worker, str(outside), secrets, root), root=root)
        finally:
            worker.kill()


def find_open_to_all(place: Path, root: Path) -> Iterator[Path]:
    """Yield a place, or files in it, that the modes from `root` on let every user open who knows where they are."""
    folders = [folder for folder in place.parents if folder.is_relative_to(root)]
    if all(folder.stat().st_mode & stat.S_IXOTH for folder in folders):
        yield from _beneath(place)


def _beneath(place: Path) -> Iterator[Path]:
    mode = place.lstat().st_mode
    if stat.S_ISDIR(mode) and mode & stat.S_IXOTH:
        for entry in sorted(place.iterdir()):
            yield from _beneath(entry)
    elif stat.S_ISREG(mode) and mode & stat.S_IROTH:
        yield place


def _some(place: Path) -> list[str]:
    """Return a place and some of the files in it, to be tried one by one."""
    files = (file for file in place.rglob("*") if file.is_file()) if place.is_dir() else iter(())
    return [str(place), *map(str, islice(files, SECRET_FILES))]


def _try_all(worker: WorkerClient, outside: str, secrets: Iterable[Path], folder: Path) -> Isolation:
    try:
        worker.start(0)
    except WorkerError as error:
        return Isolation([], f"a worker could not even start ({error}); {REACH}")
    package = worker.root()
    forbidden: list[tuple[str, str, Callable[[], object]]] = [
        ("session", "stay in the grader's session", lambda: package.shares_session()),
        ("descriptors", "use descriptors of the grader", lambda: package.holds_descriptors()),
        ("environment", "see environment variables", lambda: package.has_environment()),
        ("rlimits", "allocate a terabyte", lambda: package.allocates()),
        ("uid", "run under the grader's user id", lambda: package.is_user(os.getuid())),
        ("privileges", "be looked into by others", lambda: package.is_dumpable()),
        ("landlock", "read a file of no concern to it", lambda: package.reads(outside)),
        ("seccomp", "start a process", lambda: package.starts_process()),
        ("seccomp", "open a socket", lambda: package.opens_socket()),
        ("seccomp", "signal the grader", lambda: package.signals(os.getpid())),
    ]
    findings = [_attempt(layer, act, call) for layer, act, call in forbidden]
    confined = "landlock" in Isolation(findings).active
    for place in secrets:
        name = str(place.relative_to(folder) if place.is_relative_to(folder) else place)
        opened = _attempt("answers", name, partial(package.opens, _some(place)))
        done = opened.done or (not confined and any(find_open_to_all(place, folder)))
        findings.append(replace(opened, done=done))
    controls = [_attempt("control", f"{name.replace('_', ' ')}", getattr(package, name)) for name in CONTROLS]
    failed = next((finding for finding in controls if not finding.done), None)
    broken = f"a worker cannot do what it must ({failed.act}: {failed.answer}); {REACH}" if failed else ""
    return Isolation([*findings, *controls], broken)


def _attempt(layer: str, act: str, call: Callable[[], object]) -> TriedAct:
    try:
        return TriedAct(layer, act, bool(call()), "")
    except WorkerError as error:
        return TriedAct(layer, act, False, str(error))


def explain_missing_layer(layer: str) -> str:
    """Return what this machine lacks for a layer, as well as can be told."""
    if layer == "uid":
        return "only root can give workers user ids of their own" if os.geteuid() else "not asked for, or refused"
    if layer == "landlock" and not confine.read_version():
        return "this kernel has no Landlock (Linux 5.13 and later, where it is switched on)"
    return "switched off by the policy, or refused by this machine"


class SandboxSetup:
    """Prepares the sandbox for one run; every zygote's isolation is tried before its first worker gets the package.

    No worker may be able to read the `answers` in the course's folder; an official run is refused where one can, or
    where layers are missing.
    """

    def __init__(self, zygotes: ZygotePool, package: Path, answers: list[Path], course: Path, official: bool) -> None:
        self._zygotes, self._package, self._official = zygotes, package.resolve(), official
        self._answers, self._course = answers, course
        self._found: dict[tuple[str, ...], Isolation] = {}
        self._threads = ThreadPoolExecutor(1)
        self._begun: Future[None] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="chainrule-")
        os.chmod(self._folder.name, 0o755)

    @property
    def bytecode(self) -> str:
        """Return the folder of the package's bytecode, which workers only read."""
        return self._folder.name

    def begin(self, libraries: tuple[str, ...]) -> None:
        """Start on what the first checks will need, beside whatever the caller does until `finish`."""
        self._begun = self._threads.submit(self._prepare, libraries)

    def finish(self, libraries: tuple[str, ...]) -> None:
        """Wait until workers with these libraries may be given the package.

        Raise SandboxError where the isolation breaks code, or is too weak for an official run.
        """
        if self._begun is not None:
            self._begun.result()
        if libraries not in self._found:
            self._try(libraries)
        found = self._found[libraries]
        refusal = found.refusal() if self._official else found.broken
        if refusal:
            raise IsolationError(f"{refusal}. See what holds: python -m grader doctor")

    def active_layers(self) -> list[str]:
        """Return the layers that held in every zygote used."""
        return [layer for layer in LAYERS if self._found and all(layer in x.active for x in self._found.values())]

    def refusal(self) -> str:
        """Return why official grading is not possible here; empty when it is, or nothing was tried."""
        return next(filter(None, [found.refusal() for found in self._found.values()]), "")

    def close(self) -> None:
        """Wait for what is under way and remove the bytecode."""
        self._threads.shutdown()
        self._folder.cleanup()

    def _prepare(self, libraries: tuple[str, ...]) -> None:
        self._try(libraries)
        self._compile(libraries)

    def _try(self, libraries: tuple[str, ...]) -> None:
        """Try the isolation, once for all runs of a zygote that have the same answers to hide."""
        tried, key = self._zygotes.tried, (libraries, *self._answers)
        if key not in tried:
            tried[key] = probe(self._zygotes, libraries, self._answers, self._course)
        self._found[libraries] = tried[key]

    def _compile(self, libraries: tuple[str, ...]) -> None:
        """Write the package's bytecode; what cannot be compiled now will say why where it is imported."""
        files = modules_to_compile(self._package)
        if not files or not self._zygotes.get(libraries).fresh_workers:
            return
        limits = WorkerLimits(COMPILE_SECONDS, COMPILE_SECONDS)
        with contextlib.suppress(WorkerError, OSError):  # a name the file system does not take is the package's own
            worker = launch_worker(self._zygotes.get(libraries), self._package, "compiler", limits)
            try:
                for file, content in zip(files, worker.compile(files)):
                    if isinstance(content, np.ndarray):
                        write_bytecode(Path(self.bytecode), self._package / file, content)
            finally:
                worker.kill()


def modules_to_compile(package: Path) -> list[str]:
    """Return the package's modules as paths inside of it, without very large ones, and up to a number."""
    small = (file for file in list_modules(package) if (package / file).stat().st_size <= COMPILED_BYTES)
    return sorted(str(file) for file in islice(small, COMPILED_MODULES))


def write_bytecode(folder: Path, source: Path, content: np.ndarray) -> None:
    """Put a module's bytecode where a worker told of this folder looks for it."""
    place = folder / str(source.parent).lstrip("/")
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
    file.write_bytes(content.tobytes())
    os.chmod(file, 0o644)
