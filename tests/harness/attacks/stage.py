"""The place of the attacks: decoys to read, change, signal and connect to, and what became of them."""

import contextlib
import ctypes
import hashlib
import os
import re
import resource
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from grader.sandbox.parent.client import launch_worker
from grader.sandbox.parent.zygote_pool import ZygotePool
from grader.sandbox.policy import Policy, WorkerLimits

from .runner import SECRET, token

HERE = Path(__file__).resolve().parent
TOY = HERE.parent / "toy"
LIMITS = WorkerLimits(call_seconds=10.0, cpu_seconds=5, memory_mb=512)
NUMPY = ("numpy",)
GROWTH = 150 * 1024 * 1024
UNTOUCHED = "untouched"
QUOTING = '''

@points(1, "shapes.area")
def test_area_keeps_the_shape(student, rng):
    """area keeps the shape of its sides; a check whose sentence quotes the answer"""
    found = getattr(student.shapes.area(rng.rand(3), rng.rand(3)), "shape", None)
    expect(found, "shape").to_be(found == (3,), f"is {found}")


@points(1, "shapes.area")
def test_area_grows(student, rng):
    """area of a side twice as long is twice as large; a check that computes with the answer"""
    once = student.shapes.area(rng.rand(3), 1.0)
    expect(student.shapes.area(rng.rand(3), 2.0), "area").to_match(2.0 * once, rel=1e-12)


@points(1, "shapes.volume")
def test_volume(student, reference, rng):
    """volume is an area times a depth; a check with a second look, given the reference's area"""
    sides = rng.rand(3), rng.rand(3), 2.0
    expect(student.shapes.volume(*sides), "volume").to_match(reference.shapes.volume(*sides), rel=1e-12)


@points(1, "shapes.area", timing=True)
def test_area_beside_another(student, reference, rng, race):
    """area takes no longer than another function; a check of speed that judges the answers itself"""
    sides = rng.rand(3), rng.rand(3)
    expect(student.shapes.area(*sides), "area").to_match(reference.shapes.area(*sides), rel=1e-12)
    area = lambda package, rng: (package.shapes.area, (rng.rand(9), rng.rand(9)))
    volume = lambda package, rng: (package.shapes.volume, (rng.rand(9), rng.rand(9), 2.0))
    race(area, volume, at_most=100, verify=False)
'''
VOLUME = """

def volume(width, height, depth):
    return area(width, height) * depth
"""
VICTIM = """
import ctypes, os, signal, sys, time
buffer = ctypes.create_string_buffer(sys.stdin.readline().strip().encode())
log = open(sys.argv[1], "a")
signal.signal(signal.SIGURG, lambda *_: (log.write("x"), log.flush()))
print(ctypes.addressof(buffer), flush=True)
for _ in range(3000):
    time.sleep(0.1)
"""


class Stage:
    """A course, other people's files, a victim process, a sibling worker, listeners; each holds its own token."""

    def __init__(self, policy: Policy) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="stage-"))
        os.chmod(self.base, 0o755)
        self.marker = f"marker{secrets.token_hex(6)}"
        places = ["secret", "other", "memory", "descriptor", "folder", "victim", "sibling"]
        self.tokens = {name: token(name) for name in places}
        self.tokens["environ"] = os.environ[SECRET]
        self._limits, self._policy = LIMITS, policy
        self._course()
        self._decoys()
        self._listen()
        self.zygotes = self.for_grading = None
        self._start_zygotes()
        self.victim = self.sibling = None
        self.heal()

    def _course(self) -> None:
        self.course = shutil.copytree(TOY, self.base / "course", ignore=shutil.ignore_patterns("__pycache__"))
        manifest = self.course / "assignment.toml"
        text = manifest.read_text().replace("call_seconds = 2", "call_seconds = 1")
        text = text.replace("points = 8", "points = 12", 1).replace("hidden_points = 2", "hidden_points = 6")
        manifest.write_text(text.replace('["shapes.area"]', '["shapes.area", "shapes.volume"]'))
        with (self.course / "checks/hidden/test_q1_rectangles.py").open("a") as file:
            file.write(QUOTING)
        with (self.course / "solution/shapes.py").open("a") as file:
            file.write(VOLUME)
        answers = (self.course / "solution/shapes.py").read_text()
        for name in (".git/objects/solution.py", "notebooks/source/solution.py", "solutions/solution.py"):
            (self.course / name).parent.mkdir(parents=True, exist_ok=True)
            (self.course / name).write_text(answers)
        with zipfile.ZipFile(self.course / "demo.zip", "w") as demo:
            demo.writestr("solution.py", answers)
        for name in ("solution", "checks"):
            os.chmod(self.course / name, 0o700)
        os.chmod(self.course, 0o755)

    def _decoys(self) -> None:
        """Files of known content; this process's own environment, memory, descriptors and folder hold tokens too."""
        self.hidden = self._folder("instructor", 0o700)
        self.secret = self._file(self.hidden / "expected.txt", self.tokens["secret"])
        self._file(self.hidden / self.tokens["folder"], UNTOUCHED)
        self.other = self._file(self._folder("another", 0o700) / "shapes.py", self.tokens["other"])
        self.results = self._file(self._folder("results", 0o755) / "results.json", UNTOUCHED)
        self.scratch = self._folder("scratch", 0o777)
        self.packages = self._folder("packages", 0o755)
        self.log = self._file(self._folder("logs", 0o700) / "victim.log", "")
        self.memory = ctypes.create_string_buffer(self.tokens["memory"].encode())
        self.canary = ctypes.create_string_buffer(UNTOUCHED.encode())
        self.descriptor = os.open(self.hidden, os.O_RDWR | os.O_TMPFILE, 0o600)
        os.write(self.descriptor, self.tokens["descriptor"].encode())
        os.chdir(self.hidden)

    def _folder(self, name: str, mode: int) -> Path:
        folder = self.base / name
        folder.mkdir()
        os.chmod(folder, mode)
        return folder

    def _file(self, file: Path, text: str) -> Path:
        file.write_text(text)
        os.chmod(file, 0o644)
        return file

    def _listen(self) -> None:
        unix, abstract, self.udp = (
            socket.socket(socket.AF_UNIX),
            socket.socket(socket.AF_UNIX),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        )
        tcp = socket.socket()
        tcp.bind(("127.0.0.1", 0))
        self.udp.bind(("127.0.0.1", 0))
        self.socket_path = str(self.base / "socket")
        unix.bind(self.socket_path)
        os.chmod(self.socket_path, 0o777)
        abstract.bind(f"\0{self.marker}")
        self.listeners = [tcp, unix, abstract]
        for listener in self.listeners:
            listener.listen(8)
        for listener in [*self.listeners, self.udp]:
            listener.setblocking(False)

    def heal(self) -> None:
        """Puts back, or starts anew, whatever an attack has harmed."""
        for file, text in (
            (self.results, UNTOUCHED),
            (self.other, self.tokens["other"]),
            (self.secret, self.tokens["secret"]),
        ):
            with contextlib.suppress(OSError):
                file.unlink()
            self._file(file, text)
        self._sweep()
        self.canary.value = UNTOUCHED.encode()
        self._ensure_victim()
        self._ensure_sibling()

    def _sweep(self) -> None:
        os.chmod(self.results.parent, 0o755)
        strays = [*self.scratch.iterdir(), *self.results.parent.iterdir(), *self.hidden.iterdir(), *self._shared()]
        kept = {self.results, self.secret, self.hidden / self.tokens["folder"]}
        for stray in set(strays) - kept:
            shutil.rmtree(stray) if stray.is_dir() and not stray.is_symlink() else stray.unlink()
        os.chmod(self.scratch, 0o777)
        self.log.write_text("")

    def _shared(self) -> list[Path]:
        return list(Path("/dev/shm").glob(f"*{self.marker}*"))

    def _ensure_victim(self) -> None:
        if self.victim is not None and self.victim.poll() is None:
            if self._status(self.victim.pid) == self._victim_status:
                return
            self.victim.kill()
            self.victim.wait()
        self.victim = subprocess.Popen(
            [sys.executable, "-c", VICTIM, str(self.log)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.victim.stdin.write(self.tokens["victim"].encode() + b"\n")
        self.victim.stdin.flush()
        self.victim_address = int(self.victim.stdout.readline())
        self._victim_status = self._status(self.victim.pid)

    def _ensure_sibling(self) -> None:
        if self.sibling is not None and self._alive(self.sibling.process.pid) and self._alive(self.zygote.pid):
            if self._status(self.sibling.process.pid) == self._sibling_status:
                return
            self.sibling.kill()
        elif self.sibling is not None:
            self._start_zygotes()
        package = self.package("sibling", {})
        self.sibling = launch_worker(self.zygote, package, "handin", LIMITS)
        self.sibling.load(NUMPY)
        self.sibling.start(1)
        self.sibling.root().put(self.tokens["sibling"])
        self.sibling_folder = ""
        with contextlib.suppress(PermissionError):
            self.sibling_folder = os.readlink(f"/proc/{self.sibling.process.pid}/cwd")
        self._sibling_status = self._status(self.sibling.process.pid)

    @property
    def zygote(self) -> Any:
        return self.zygotes.get(NUMPY)

    def _start_zygotes(self) -> None:
        """Workers whose speed is judged are paused as a group, so they have a session in every tier."""
        for running in {self.zygotes, self.for_grading} - {None}:
            running.close()
        policy = self._policy
        self.zygotes = self.for_grading = ZygotePool(policy=policy)
        if "session" not in policy:
            self.for_grading = ZygotePool(policy=Policy(policy.layers | {"session"}))
        for running in (self.zygotes, self.for_grading):
            running.get(NUMPY)

    def package(self, name: str, files: dict[str, str]) -> Path:
        """Writes a package that everyone may read."""
        folder = self.packages / name
        for place, text in {"__init__.py": "", **files}.items():
            file = folder / place
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        for path in [folder, *folder.rglob("*")]:
            os.chmod(path, 0o755 if path.is_dir() else 0o644)
        return folder

    def target(self, package: Path) -> dict[str, Any]:
        """What an attack is told, no token among it."""
        return {
            "base": str(self.base),
            "secret": str(self.secret),
            "other": str(self.other),
            "results": str(self.results),
            "scratch": str(self.scratch),
            "package": str(package),
            "marker": self.marker,
            "parent": os.getpid(),
            "address": ctypes.addressof(self.memory),
            "canary": ctypes.addressof(self.canary),
            "descriptor": self.descriptor,
            "victim": self.victim.pid,
            "victim_address": self.victim_address,
            "sibling": self.sibling.process.pid,
            "zygote": self.zygote.pid,
            "tcp": self.listeners[0].getsockname()[1],
            "udp": self.udp.getsockname()[1],
            "unix": self.socket_path,
            "library": str(_library()),
        }

    def photograph(self, package: Path) -> dict[str, Any]:
        """Everything an attack could change, as it is now."""
        folders = [self.hidden, self.other.parent, self.results.parent, self.scratch, package, self.course]
        files = [path for folder in folders for path in (folder, *folder.rglob("*"))]
        if self.sibling_folder and str(self.base) not in self.sibling_folder:
            files += Path(self.sibling_folder).rglob("*")
        seen: dict[str, Any] = {str(file): _look(file) for file in [*files, *self._shared(), self.log]}
        pids = {
            "victim": self.victim.pid,
            "sibling": self.sibling.process.pid,
            "zygote": self.zygote.pid,
            "parent": os.getpid(),
        }
        seen |= {name: self._status(pid) for name, pid in pids.items()}
        seen["descriptors"] = descriptors()
        return seen | {"canary": self.canary.value, "survivors": self.survivors(), "calls": self._calls()}

    def _calls(self) -> int:
        """How many connections and datagrams have come; each is counted once."""
        count = 0
        for listener in self.listeners:
            with contextlib.suppress(BlockingIOError):
                while True:
                    listener.accept()[0].close()
                    count += 1
        with contextlib.suppress(BlockingIOError):
            while self.udp.recv(100):
                count += 1
        return count

    def survivors(self) -> list[int]:
        """Processes left over from a worker: those with its zygote's command line, or with the marker on theirs."""
        mine = {os.getpid(), self.zygote.pid, self.sibling.process.pid, self.for_grading.get(NUMPY).pid}
        own = {_command(zygote.pid) for zygote in (self.zygote, self.for_grading.get(NUMPY))}
        found = []
        for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
            command = _command(pid)
            if pid not in mine and command and (command in own or self.marker.encode() in command):
                found.append(pid)
        return found

    def end_survivors(self) -> None:
        """Ends them."""
        for pid in self.survivors():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _alive(self, pid: int) -> bool:
        return self._status(pid) != ("gone",)

    def _status(self, pid: int) -> tuple:
        """Whether a process runs, and what others can set of it: priority, limits, processors, tracer."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            status = Path(f"/proc/{pid}/status").read_text()
            limits = Path(f"/proc/{pid}/limits").read_text()
        except OSError:
            return ("gone",)
        if stat[0] in "ZX":
            return ("gone",)
        facts = re.findall(r"^(?:TracerPid|Cpus_allowed_list):.*", status, re.M)
        return (stat[0] in "Tt", stat[15], stat[16], *facts, hashlib.md5(limits.encode()).hexdigest())

    def close(self) -> None:
        """Ends everything and removes the files."""
        self.end_survivors()
        self.sibling.kill()
        self.zygotes.close()
        self.for_grading.close()
        self.victim.kill()
        self.victim.wait()
        os.chdir("/")
        shutil.rmtree(self.base, ignore_errors=True)


def peak() -> int:
    """The most memory this process has ever had resident, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def descriptors() -> list[str]:
    """Where this process's open descriptors lead."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(number + os.readlink(f"/proc/self/fd/{number}"))
    return sorted(found)


def memory() -> int:
    """This process's resident memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What an attack changed, in words."""
    return [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]


def _look(path: Path) -> tuple:
    try:
        facts = path.lstat()
        content = hashlib.md5(path.read_bytes()).hexdigest() if path.is_file() else ""
        extra = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return ("gone",)
    changed = facts.st_mtime_ns if not path.is_dir() else 0
    return facts.st_mode, facts.st_uid, facts.st_nlink, changed, content, tuple(extra)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _library() -> Path:
    """A shared object of torch, where torch is installed."""
    import numpy

    return Path(numpy.__file__).parents[1] / "torch" / "lib" / "libc10.so"
