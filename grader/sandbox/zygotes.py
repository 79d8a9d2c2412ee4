"""The parent's handle on a zygote: start it, have it fork workers, let it collect them."""

import contextlib
import json
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[2]
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
START_SECONDS = 120.0


class SandboxError(RuntimeError):
    """The sandbox itself could not do its work; no student is to blame."""


class Zygote:
    """One exec'd clean process per set of libraries; starting returns at once, the first request waits for it."""

    def __init__(self, libraries: tuple[str, ...]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chainrule-")
        self._lock = threading.Lock()
        self._ready = False
        self._control, theirs = socket.socketpair()
        settings = {"libraries": libraries, "path": _import_path(), "engine": str(ENGINE), "folder": self._folder.name}
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BOOT.format(fd=theirs.fileno()), json.dumps(settings)],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=dict.fromkeys(THREADS, "1") | {"PYTHONHASHSEED": "0"},
        )
        theirs.close()

    def spawn(self, limits: dict[str, int], fds: list[int]) -> int:
        """Forks a worker on the two descriptors (its socket, its output); returns its pid."""
        return self._request({"op": "spawn", "limits": limits}, fds)["pid"]

    def reap(self, pid: int) -> int:
        """Collects a worker that has ended or been killed; returns its wait status."""
        return self._request({"op": "reap", "pid": pid}, [])["status"]

    @property
    def pid(self) -> int:
        """The zygote's own process id."""
        return self._process.pid

    def _request(self, message: dict, fds: list[int]) -> dict:
        with self._lock:
            if not self._ready:
                self._reply(START_SECONDS)
                self._ready = True
            socket.send_fds(self._control, [json.dumps(message).encode()], fds)
            return self._reply(START_SECONDS)

    def _reply(self, seconds: float) -> dict:
        self._control.settimeout(seconds)
        line = b""
        while not line.endswith(b"\n"):
            try:
                part = self._control.recv(4096)
            except TimeoutError:
                raise SandboxError(f"the worker factory did not answer within {seconds:.0f} s") from None
            if not part:
                raise SandboxError("the worker factory ended; its last words are above")
            line += part
        return json.loads(line)

    def close(self) -> None:
        """Ends the zygote and removes its folder."""
        self._control.close()
        if not self._ready:
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
