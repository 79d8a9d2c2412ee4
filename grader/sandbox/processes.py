"""Workers without a zygote, each an interpreter of its own: slower to start, and all that macOS and Windows allow."""

import base64
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from . import launch
from .launch import Ticket
from .policy import Policy
from .zygotes import Zygote


class Processes:
    """Starts workers as a zygote does; they are few, kept from check to check, and told to start over in between."""

    fresh_workers = False
    pid = 0

    def __init__(self, libraries: tuple[str, ...], policy: Policy | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chainrule-", ignore_cleanup_errors=True)
        self.libraries = libraries
        self._running: dict[int, subprocess.Popen] = {}
        self._cpu_seconds = 0.0

    def spawn(
        self, limits: dict[str, int], theirs: socket.socket, sink: int, places: list[str], judged: bool
    ) -> Ticket:
        """Starts a worker; the ticket holds its `pid` at once. What it may read is not bounded here."""
        windows = sys.platform == "win32"
        settings = {"libraries": self.libraries, "folder": self._folder.name, "limits": limits}
        settings["socket"] = -1 if windows else theirs.fileno()
        if windows:
            options: dict[str, Any] = {
                "stdin": subprocess.PIPE,
                "stdout": subprocess.DEVNULL,
                "stderr": subprocess.DEVNULL,
            }
        else:
            options = {"stdin": subprocess.DEVNULL, "stdout": sink, "stderr": sink, "pass_fds": [theirs.fileno()]}
            options["start_new_session"] = True
        process = subprocess.Popen(launch.command("exec_worker.py", settings), env=launch.environment(), **options)
        if windows:
            process.stdin.write(base64.b64encode(theirs.share(process.pid)) + b"\n")
            process.stdin.close()
        self._running[process.pid] = process
        return _answered(pid=process.pid)

    def reap(self, pid: int) -> Ticket:
        """Ends and collects a worker; the ticket holds its wait status in the form of os.wait."""
        process = self._running.pop(pid)
        if process.poll() is None and sys.platform == "win32":
            process.kill()
        return _answered(status=self._collect(process))

    def _collect(self, process: subprocess.Popen) -> int:
        """Waits for a process and adds up its CPU time, where the platform tells; returns its wait status."""
        if process.returncode is None and hasattr(os, "wait4"):
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self._cpu_seconds += used.ru_utime + used.ru_stime
        code = process.wait()
        return -code if code < 0 else code << 8

    def cpu_seconds(self) -> float:
        """CPU time of every worker that has been collected; on Windows nobody tells, so 0."""
        return self._cpu_seconds

    def reply(self, ticket: Ticket) -> dict[str, int]:
        """The ticket's content; it is there from the start."""
        return ticket.reply

    def close(self) -> None:
        """Ends every worker and removes the folder."""
        for pid in list(self._running):
            self._running[pid].kill()
            self.reap(pid)
        self._folder.cleanup()


def _answered(**reply: int) -> Ticket:
    ticket = Ticket()
    ticket.reply = reply
    return ticket


Factory = Zygote | Processes


def factory(libraries: tuple[str, ...], policy: Policy) -> Factory:
    """A zygote where forking is safe (Linux), else plain processes."""
    return (Zygote if sys.platform.startswith("linux") else Processes)(libraries, policy)


class Zygotes:
    """The zygotes of one or several runs, one a set of libraries, each started at first use.

    Their workers get the layers of `policy`, by default those for one's own machine.
    """

    def __init__(
        self, policy: Policy | None = None, make: Callable[[tuple[str, ...], Policy], Factory] = factory
    ) -> None:
        self.policy = Policy.own_machine() if policy is None else policy
        self._make = make
        self._running: dict[tuple[str, ...], Factory] = {}

    def get(self, libraries: tuple[str, ...]) -> Factory:
        """The zygote with these libraries; it may still be starting."""
        if libraries not in self._running:
            self._running[libraries] = self._make(libraries, self.policy)
        return self._running[libraries]

    def cpu_seconds(self) -> float:
        """CPU time of all of them and of the workers they have collected."""
        return sum(factory.cpu_seconds() for factory in self._running.values())

    def close(self) -> None:
        """Ends them all."""
        for zygote in self._running.values():
            zygote.close()
