"""The parent's side of starting workers: zygotes that fork them, or plain processes where forking is unsafe."""

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...errors import SandboxError
from ...limits import WORKER_KEPT_BYTES, WORKER_START_SECONDS, WORKER_UIDS
from ..child import confine
from ..policy import Policy

ENGINE = Path(__file__).resolve().parents[3]
START = Path(__file__).parents[1] / "child" / "start.py"
GONE = "the worker factory ended; its last words are above"
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR")


class PendingReply:
    """The reply to a request on its way; None until it has been read."""

    def __init__(self, reply: dict[str, int] | None = None) -> None:
        self.reply = reply


def write_command(settings: dict[str, Any]) -> list[str]:
    """Return the command line of a clean interpreter: no site, no user folder, no path but those given."""
    code = f"import runpy, sys; runpy.run_path({str(START)!r}, run_name='__main__')"
    settings = {**settings, "path": [*dict.fromkeys([str(ENGINE), *_library_folders()])], "engine": _engine_apart()}
    return [_interpreter(), "-I", "-S", "-c", code, json.dumps(settings)]


def _interpreter() -> str:
    """Return the program that becomes the worker itself.

    An environment's own on Windows is a redirector: it starts the base interpreter as another process and waits.
    """
    base = getattr(sys, "_base_executable", None) if sys.platform == "win32" else None
    return base or sys.executable


def clean_environment() -> dict[str, str]:
    """Return an environment of one thread a library, no huge pages, which come by chance, nothing of the parent's."""
    # Windows cannot do without SYSTEMROOT
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    steady = {"VECLIB_MAXIMUM_THREADS": "1", "NUMPY_MADVISE_HUGEPAGE": "0"}
    steady |= {f"MALLOC_{name}_THRESHOLD_": str(WORKER_KEPT_BYTES) for name in ("MMAP", "TRIM")}
    return kept | {f"{name}_NUM_THREADS": "1" for name in THREADS} | steady


def _library_folders() -> list[str]:
    """Return where the libraries lie; given outright, so that no .pth file runs in the zygote."""
    installed = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    return [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *installed]


def _engine_apart() -> str:
    """Return the engine's folder, which workers do without; empty where the libraries lie there too."""
    return "" if ENGINE in map(Path, _library_folders()) else str(ENGINE)


class UidRange:
    """User ids that workers of no other zygote on this host have, until it is released or this process ends."""

    # workers of one user id could signal each other, and would share a limit on threads
    def __init__(self) -> None:
        """Claim the first range that is free; `ids` are all there are where none is."""
        self.ids, self._claim = (confine.FIRST_UID, confine.LAST_UID), socket.socket(socket.AF_UNIX)
        for first in range(confine.FIRST_UID, confine.LAST_UID - WORKER_UIDS + 2, WORKER_UIDS):
            with contextlib.suppress(OSError):  # only one socket has a name, and no file keeps it
                self._claim.bind(f"\0chainrule: user ids from {first}")
                self.ids = first, first + WORKER_UIDS - 1
                break

    def release(self) -> None:
        """Let others have the range."""
        self._claim.close()


class Zygote:
    """One exec'd clean process per set of libraries; starting returns at once, the first request waits for it."""

    fresh_workers = True

    def __init__(self, libraries: tuple[str, ...], policy: Policy | None = None) -> None:
        policy = Policy.own_machine() if policy is None else policy
        if "privileges" in policy:
            confine.forbid_dumps()  # else a worker of the same user could look into this process
        self.libraries = libraries
        self._folder = tempfile.TemporaryDirectory(prefix="chainrule-")
        os.chmod(self._folder.name, 0o755)
        self._ready = PendingReply()
        self._pending = deque([self._ready])
        self._control, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        layers, control = sorted(policy.layers), theirs.fileno()
        settings = {"libraries": libraries, "folder": self._folder.name, "layers": layers, "control": control}
        self._uids = UidRange() if "uid" in policy else None
        settings["uids"] = self._uids.ids if self._uids else ()
        self._process = subprocess.Popen(
            write_command(settings),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=clean_environment(),
        )
        theirs.close()

    def spawn(
        self, limits: dict[str, int], theirs: socket.socket, sink: int, places: list[str], judged: bool
    ) -> PendingReply:
        """Have a worker forked with its end of the socket and of the output pipe; the reply will hold its `pid`.

        It may read beneath `places` what its user may. One that is judged gets a user id of its own, where the policy
        has that layer. It is the first to go when memory runs out.
        """
        request = {"op": "spawn", "limits": limits, "places": places, "judged": judged}
        return self._request(request, [theirs.fileno(), sink])

    def reap(self, pid: int) -> PendingReply:
        """Have a worker collected that has ended or been killed; the reply will hold its wait `status`."""
        return self._request({"op": "reap", "pid": pid}, [])

    def reply(self, pending: PendingReply) -> dict[str, int]:
        """Wait for the reply to a request; replies come in the order of the requests."""
        while pending.reply is None:
            self._pending.popleft().reply = json.loads(self._receive())
        return pending.reply

    def cpu_seconds(self) -> float:
        """Return the CPU time of the zygote and of all its workers; 0 before anything was asked of it."""
        if self._ready.reply is None:
            return 0.0
        return self.reply(self._request({"op": "usage"}, []))["microseconds"] / 1e6

    @property
    def pid(self) -> int:
        """The zygote's own process id."""
        return self._process.pid

    def _request(self, message: dict[str, Any], fds: list[int]) -> PendingReply:
        self.reply(self._ready)
        try:
            socket.send_fds(self._control, [json.dumps(message).encode()], fds)
        except OSError:
            raise SandboxError(GONE) from None
        pending = PendingReply()
        self._pending.append(pending)
        return pending

    def _receive(self) -> bytes:
        self._control.settimeout(WORKER_START_SECONDS)
        with contextlib.suppress(OSError):
            try:
                if message := self._control.recv(4096):
                    return message
            except TimeoutError:
                raise SandboxError(f"the worker factory did not answer within {WORKER_START_SECONDS:.0f} s") from None
        raise SandboxError(GONE)

    def close(self) -> None:
        """End the zygote, which has nothing to put in order, and remove its folder."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        if self._uids is not None:
            self._uids.release()
        with contextlib.suppress(OSError):
            self._folder.cleanup()


class PlainProcesses:
    """Starts workers as a zygote does; they are few, kept from check to check, and told to start over in between."""

    fresh_workers = False
    pid = 0

    def __init__(self, libraries: tuple[str, ...], policy: Policy | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chainrule-", ignore_cleanup_errors=True)
        self.libraries = libraries
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._cpu_seconds = 0.0

    def spawn(
        self, limits: dict[str, int], theirs: socket.socket, sink: int, places: list[str], judged: bool
    ) -> PendingReply:
        """Start a worker; the pending reply holds its `pid` at once. What it may read is not bounded here."""
        settings = {"libraries": self.libraries, "folder": self._folder.name, "limits": limits}
        options: dict[str, Any] = {"env": clean_environment(), "stdout": sink, "stderr": sink}
        if sys.platform == "win32":
            words = write_command(settings | {"socket": None})
            options |= {"stdin": subprocess.PIPE, "creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}
            process = subprocess.Popen(words, **options)
            with contextlib.suppress(OSError):  # where it has ended already, whoever waits for it will notice
                process.stdin.write(base64.b64encode(theirs.share(process.pid)) + b"\n")
                process.stdin.close()
        else:
            words = write_command(settings | {"socket": theirs.fileno()})
            options |= {"stdin": subprocess.DEVNULL, "pass_fds": [theirs.fileno()], "start_new_session": True}
            process = subprocess.Popen(words, **options)
        self._running[process.pid] = process
        return PendingReply({"pid": process.pid})

    def reap(self, pid: int) -> PendingReply:
        """End and collect a worker; the pending reply holds its wait status in the form of os.wait."""
        process, before = self._running.pop(pid), _count_collected()
        process.kill()
        code = process.wait()
        self._cpu_seconds += _count_collected() - before
        return PendingReply({"status": -code if code < 0 else code << 8})

    def cpu_seconds(self) -> float:
        """Return the CPU time of every worker that has been collected; on Windows nobody tells, so 0."""
        return self._cpu_seconds

    def reply(self, pending: PendingReply) -> dict[str, int]:
        """Return the content of a pending reply; it is there from the start."""
        return pending.reply or {}

    def close(self) -> None:
        """End every worker and remove the folder."""
        for pid in list(self._running):
            self.reap(pid)
        self._folder.cleanup()


def _count_collected() -> float:
    """Return the CPU time of all processes that this one has collected."""
    used = os.times()
    return used.children_user + used.children_system


Factory = Zygote | PlainProcesses


def make_factory(libraries: tuple[str, ...], policy: Policy) -> Factory:
    """Return a zygote where forking is safe (Linux), else plain processes."""
    return (Zygote if sys.platform.startswith("linux") else PlainProcesses)(libraries, policy)


class ZygotePool:
    """The zygotes of one or several runs, one a set of libraries, each started at first use.

    Workers get the layers of `policy`, by default those for one's own machine. `weakness_told` says whether the reader
    knows already what they lack; `tried` holds what was found of them, `memo` what the reference answers, if kept.
    """

    def __init__(
        self, policy: Policy | None = None, make: Callable[[tuple[str, ...], Policy], Factory] = make_factory
    ) -> None:
        self.policy = Policy.own_machine() if policy is None else policy
        self.weakness_told = False
        self.tried: dict[tuple[Any, ...], Any] = {}
        self.memo: Any = None
        self._make = make
        self._running: dict[tuple[str, ...], Factory] = {}

    def get(self, libraries: tuple[str, ...]) -> Factory:
        """Return the zygote with these libraries; it may still be starting."""
        if libraries not in self._running:
            self._running[libraries] = self._make(libraries, self.policy)
        return self._running[libraries]

    def cpu_seconds(self) -> float:
        """Return the CPU time of all of them and of their workers; only on Linux of those that still run."""
        return sum(factory.cpu_seconds() for factory in self._running.values())

    def close(self) -> None:
        """End them all."""
        for zygote in self._running.values():
            zygote.close()
