"""Which layers really hold: found by trying, in a throwaway worker, what each forbids, and what has to work besides."""

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from . import landlock
from .client import Limits, Worker
from .confine import resource
from .errors import StudentError
from .policy import KERNEL, LAYERS, lacking
from .processes import Zygotes

PROBE = Path(__file__).with_name("probe")
CONTROLS = ("imports", "computes", "threads", "sees_itself")


@dataclass(frozen=True)
class Finding:
    """One act as it went in a worker: of which layer, what was tried, whether it was done, what was said against it."""

    layer: str
    act: str
    done: bool
    answer: str


@dataclass
class Isolation:
    """What was found: every act tried, and the layers of which none of the forbidden ones was done."""

    findings: list[Finding]
    broken: str = ""

    @property
    def active(self) -> list[str]:
        """The layers in force, in the order in which they are put on."""
        tried = {finding.layer for finding in self.findings}
        done = {finding.layer for finding in self.findings if finding.done}
        return [layer for layer in LAYERS if layer in tried - done]

    def refusal(self) -> str:
        """Why official grading is not possible in this isolation; empty when it is."""
        exposed = [finding.act for finding in self.findings if finding.layer == "answers" and finding.done]
        told = f"a worker could {exposed[0]}; set the mode of its folder to 700" if exposed else ""
        return self.broken or lacking(self.active) or told


def probe(zygotes: Zygotes, libraries: tuple[str, ...] = ("numpy",), secrets: Iterable[Path] = ()) -> Isolation:
    """Tries everything in one worker with these libraries; no worker may be able to read `secrets`.

    Where workers are no forks of a zygote there is nothing to try: their layers are those they always have.
    """
    if not zygotes.get(libraries).fresh_workers:
        return Isolation([Finding("rlimits", "", resource is None, "")])
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        os.chmod(folder, 0o755)
        package = Path(shutil.copytree(PROBE, Path(folder, "probe"), ignore=shutil.ignore_patterns("__pycache__")))
        for place in (package, *package.rglob("*")):
            place.chmod(0o755)
        outside = Path(folder, "outside.txt")
        outside.write_text("anyone may read this")
        outside.chmod(0o644)
        worker = Worker(zygotes.get(libraries), package, "probe", Limits(call_seconds=10.0))
        try:
            return _try_all(worker, str(outside), secrets)
        finally:
            worker.kill()


def secrets(*folders: Path) -> list[Path]:
    """One file of each folder that no worker may read, to try it with."""
    return [next(folder.rglob("*.py"), folder) for folder in folders if folder.is_dir()]


def _try_all(worker: Worker, outside: str, secrets: Iterable[Path]) -> Isolation:
    try:
        worker.start(0)
    except StudentError as error:
        return Isolation([], f"a worker could not even start ({error.sentence}); {REACH}")
    root = worker.root()
    forbidden: list[tuple[str, str, Callable]] = [
        ("session", "stay in the grader's session", lambda: root.shares_session()),
        ("descriptors", "use descriptors of the grader", lambda: root.holds_descriptors()),
        ("environment", "see environment variables", lambda: root.has_environment()),
        ("rlimits", "allocate a terabyte", lambda: root.allocates()),
        ("uid", "run under the grader's user id", lambda: root.is_user(os.getuid())),
        ("privileges", "be looked into by others", lambda: root.is_dumpable()),
        ("landlock", "read a file of no concern to it", lambda: root.reads(outside)),
        ("seccomp", "start a process", lambda: root.starts_process()),
        ("seccomp", "open a socket", lambda: root.opens_socket()),
        ("seccomp", "signal the grader", lambda: root.signals(os.getpid())),
    ]
    findings = [_attempt(layer, act, call) for layer, act, call in forbidden]
    confined = "landlock" in Isolation(findings).active
    for secret in secrets:
        reads = _attempt("answers", f"read {secret}", lambda secret=secret: root.reads(str(secret)))
        findings.append(replace(reads, done=reads.done or not (confined or _private(secret))))
    controls = [_attempt("control", f"{name.replace('_', ' ')}", getattr(root, name)) for name in CONTROLS]
    failed = next((finding for finding in controls if not finding.done), None)
    broken = f"a worker cannot do what it must ({failed.act}: {failed.answer}); {REACH}" if failed else ""
    return Isolation([*findings, *controls], broken)


def _private(secret: Path) -> bool:
    """Whether its own folder or the one above keeps others out: a way around those further up may stand open."""
    return any(not folder.stat().st_mode & stat.S_IXOTH for folder in list(secret.parents)[:2])


def _attempt(layer: str, act: str, call: Callable[[], object]) -> Finding:
    try:
        return Finding(layer, act, bool(call()), "")
    except StudentError as error:
        return Finding(layer, act, False, error.sentence)


REACH = "its user must be able to reach the interpreter, its libraries and the folder of temporary files (TMPDIR)"


def why_missing(layer: str) -> str:
    """What this machine lacks for a layer, as well as can be told."""
    if layer in KERNEL and not sys.platform.startswith("linux"):
        return "only Linux has it"
    if layer == "uid":
        return "only root can give workers user ids of their own" if os.geteuid() else "not asked for, or refused"
    if layer == "landlock" and not landlock.version():
        return "this kernel has no Landlock (Linux 5.13 and later, where it is switched on)"
    return "switched off by the policy, or refused by this machine"
