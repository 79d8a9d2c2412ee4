"""The parent's handle on a zygote: start it, have it fork workers, let it collect them."""

import contextlib
import json
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections import deque
from pathlib import Path
from typing import Any

ENGINE = Path(__file__).resolve().parents[2]
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
START_SECONDS = 120.0


GONE = "the worker factory ended; its last words are above"


class SandboxError(RuntimeError):
    """The sandbox itself could not do its work; no student is to blame."""


class Ticket:
    """A request on its way; `reply` is None until its answer has been read."""

    reply: dict[str, int] | None = None


class Zygote:
    """One exec'd clean process per set of libraries; starting returns at once, the first request waits for it."""

    def __init__(self, libraries: tuple[str, ...]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chainrule-")
        self._ready = Ticket()
        self._pending = deque([self._ready])
        self._unread = b""
        self._control, theirs = socket.socketpair()
        settings = {"libraries": libraries, "path": _import_path(), "engine": str(ENGINE), "folder": self._folder.name}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BOOT.format(fd=theirs.fileno()), json.dumps(settings)],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=dict.fromkeys(THREADS, "1") | {"PYTHONHASHSEED": "0"},
        )
        theirs.close()

    def spawn(self, limits: dict[str, int], fds: list[int]) -> "Ticket":
        """Has a worker forked on the two descriptors (its socket, its output); the reply will hold its `pid`."""
        return self._request({"op": "spawn", "limits": limits}, fds)

    def reap(self, pid: int) -> "Ticket":
        """Has a worker collected that has ended or been killed; the reply will hold its wait `status`."""
        return self._request({"op": "reap", "pid": pid}, [])

    def reply(self, ticket: "Ticket") -> dict[str, int]:
        """Waits for the reply to a request; replies come in the order of the requests."""
        while ticket.reply is None:
            self._pending.popleft().reply = json.loads(self._line())
        return ticket.reply

    @property
    def pid(self) -> int:
        """The zygote's own process id."""
        return self._process.pid

    def _request(self, message: dict[str, Any], fds: list[int]) -> "Ticket":
        self.reply(self._ready)
        try:
            socket.send_fds(self._control, [json.dumps(message).encode() + b"\n"], fds)
        except OSError:
            raise SandboxError(GONE) from None
        ticket = Ticket()
        self._pending.append(ticket)
        return ticket

    def _line(self) -> bytes:
        self._control.settimeout(START_SECONDS)
        while b"\n" not in self._unread:
            try:
                part = self._control.recv(4096)
            except TimeoutError:
                raise SandboxError(f"the worker factory did not answer within {START_SECONDS:.0f} s") from None
            except OSError:
                part = b""
            if not part:
                raise SandboxError(GONE)
            self._unread += part
        line, _, self._unread = self._unread.partition(b"\n")
        return line

    def close(self) -> None:
        """Ends the zygote and removes its folder."""
        self._control.close()
        if self._ready.reply is None:
            self._process.kill()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(OSError):
            self._folder.cleanup()


BOOT = f"""
import os, runpy, sys
os.dup2({{fd}}, 3)
sys.argv[0] = "zygote"
runpy.run_path({str(Path(__file__).with_name("zygote.py"))!r}, run_name="__main__")
"""


def _import_path() -> list[str]:
    """Where the engine and the installed libraries lie; given outright, so that no .pth file runs in the zygote."""
    places = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()]
    return list(dict.fromkeys([str(ENGINE), *places, *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]))
