"""A forked process held from outside: found once it is there, signalled, timed, and ended."""

import contextlib
import os
import select
import signal
import time

from .errors import StudentCrashed, StudentError, StudentTimeout
from .launch import Ticket
from .processes import Factory

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


class Child:
    """A process on its way until something is first asked of it; `born` is the ticket that will hold its `pid`."""

    def __init__(self, factory: Factory, born: Ticket) -> None:
        self._factory, self._born = factory, born
        self._pid, self._handle = 0, None

    def meet(self) -> None:
        """Waits until the process is there and takes hold of it."""
        if not self._pid:
            self._pid = self._factory.reply(self._born)["pid"]
            self._handle = os.pidfd_open(self._pid) if hasattr(os, "pidfd_open") else None

    @property
    def pid(self) -> int:
        """The process id."""
        self.meet()
        return self._pid

    def ends_within(self, seconds: float) -> bool:
        """Whether it ends by itself in this time; taken for granted where it cannot be seen."""
        self.meet()
        return self._handle is None or bool(select.select([self._handle], [], [], seconds)[0])

    def cpu_seconds(self) -> float:
        """CPU time of all its threads so far, read from the kernel (Linux)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def signal(self, number: int) -> None:
        """Signals the process, by a descriptor that never comes to mean another one, and then the group it made."""
        pid = self.pid
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._handle is None:
                os.kill(pid, number)
            else:
                signal.pidfd_send_signal(self._handle, number)
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)

    def end(self) -> Ticket:
        """Kills it and its group and has it collected; the ticket will hold its wait `status`."""
        self.signal(KILL)
        if self._handle is not None:
            os.close(self._handle)
        return self._factory.reap(self.pid)

    def status(self, ticket: Ticket) -> int:
        """The wait status that the ticket of `end` holds, as soon as it does."""
        return self._factory.reply(ticket)["status"]


def how_it_ended(status: int, callee: str, cpu_seconds: int) -> StudentError:
    """What a wait status means for what ran meanwhile."""
    number = status & 0x7F
    name = signal.Signals(number).name if number in set(signal.Signals) else str(number)
    if name == "SIGXCPU":
        spent = StudentTimeout(callee, f"{callee} used more than {cpu_seconds} s of CPU time")
        spent.brief = "{} used too much CPU time"
        return spent
    if name == "SIGKILL":
        how = f"was ended, for more than {cpu_seconds} s of CPU time or too much memory,"
        killed = StudentTimeout(callee, f"the process {how} while {callee} ran")
        killed.brief = "the process was ended, for too much CPU time or memory, while {} ran"
        return killed
    how = f"was ended by signal {name}" if number else f"ended by itself with exit status {status >> 8}"
    return StudentCrashed(callee, f"the process {how} while {callee} ran")
