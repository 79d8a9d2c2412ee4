"""The parent's handle on a zygote: start it, have it fork workers, let it collect them."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
from collections import deque
from typing import Any

from ..errors import SandboxError
from . import confine, launch
from .launch import Ticket
from .policy import Policy

START_SECONDS = 120.0
GONE = "the worker factory ended; its last words are above"


class Zygote:
    """One exec'd clean process per set of libraries; starting returns at once, the first request waits for it."""

    fresh_workers = True

    def __init__(self, libraries: tuple[str, ...], policy: Policy | None = None) -> None:
        policy = Policy.own_machine() if policy is None else policy
        if "privileges" in policy:
            confine.undumpable()  # else a worker of the same user could look into this process
        self.libraries = libraries
        self._folder = tempfile.TemporaryDirectory(prefix="chainrule-")
        os.chmod(self._folder.name, 0o755)
        self._ready = Ticket()
        self._pending = deque([self._ready])
        self._unread = b""
        self._control, theirs = socket.socketpair()
        settings = {"libraries": libraries, "folder": self._folder.name, "layers": sorted(policy.layers)}
        settings["control"] = theirs.fileno()
        self._process = subprocess.Popen(
            launch.command("zygote.py", settings),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=launch.environment(),
        )
        theirs.close()

    def spawn(
        self, limits: dict[str, int], theirs: socket.socket, sink: int, places: list[str], judged: bool
    ) -> Ticket:
        """Has a worker forked with its end of the socket and of the output pipe; the reply will hold its `pid`.

        It may read beneath `places` what its user may. One that is judged gets a user id of its own, where the policy
        has that layer, and is the first to go when memory runs out.
        """
        request = {"op": "spawn", "limits": limits, "places": places, "judged": judged}
        return self._request(request, [theirs.fileno(), sink])

    def reap(self, pid: int) -> Ticket:
        """Has a worker collected that has ended or been killed; the reply will hold its wait `status`."""
        return self._request({"op": "reap", "pid": pid}, [])

    def reply(self, ticket: Ticket) -> dict[str, int]:
        """Waits for the reply to a request; replies come in the order of the requests."""
        while ticket.reply is None:
            self._pending.popleft().reply = json.loads(self._line())
        return ticket.reply

    def cpu_seconds(self) -> float:
        """CPU time of the zygote and of every worker that has been collected; 0 before anything was asked of it."""
        if self._ready.reply is None:
            return 0.0
        return self.reply(self._request({"op": "usage"}, []))["microseconds"] / 1e6

    @property
    def pid(self) -> int:
        """The zygote's own process id."""
        return self._process.pid

    def _request(self, message: dict[str, Any], fds: list[int]) -> Ticket:
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
        """Ends the zygote, which has nothing to put in order, and removes its folder."""
        self._control.close()
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._folder.cleanup()
