"""A worker's process, held from outside: found once it is there, paused, timed, and ended."""

import contextlib
import os
import select
import signal
import socket
import time
from functools import cached_property

from ..errors import StudentCrashed, StudentError, StudentTimeout
from .channel import Channel
from .launch import Ticket
from .output import Output
from .processes import Factory

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


class WorkerProcess:
    """A process on its way until something is first asked of it; `born` is the ticket that will hold its `pid`."""

    def __init__(self, factory: Factory, born: Ticket, output: Output) -> None:
        self._factory, self._born, self.output = factory, born, output

    def meet(self) -> int:
        """Wait until the process is there and take hold of it; return its id."""
        return self._held[0]

    @property
    def pid(self) -> int:
        """The process id."""
        return self.meet()

    @cached_property
    def _held(self) -> tuple[int, int | None]:
        """The process id, and a descriptor of the process, which never comes to mean another one."""
        pid = self._factory.reply(self._born)["pid"]
        return pid, os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None

    def ends_within(self, seconds: float) -> bool:
        """Return whether it ends by itself in this time; True where that cannot be seen."""
        _, handle = self._held
        return handle is None or bool(select.select([handle], [], [], seconds)[0])

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads so far, read from the kernel (Linux)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def pause(self) -> None:
        """Stop the process, background threads included, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)

    def end(self) -> Ticket:
        """Kill the process and its group and have it collected; the ticket will hold its wait `status`."""
        self._signal(KILL)
        pid, handle = self._held
        if handle is not None:
            os.close(handle)
        self.output.read()
        self.output.close()
        return self._factory.reap(pid)

    def status(self, ticket: Ticket) -> int:
        """Wait for the wait status that the ticket of `end` will hold."""
        return self._factory.reply(ticket)["status"]

    def _signal(self, number: int) -> None:
        """Signal the process, and then the group it made."""
        pid, handle = self._held
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if handle is None:
                os.kill(pid, number)
            else:
                signal.pidfd_send_signal(handle, number)
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)


def launch_process(
    factory: Factory, limits: dict[str, int], places: list[str], judged: bool
) -> tuple[WorkerProcess, Channel]:
    """Have a factory start a process that may read beneath `places`; return it, and the channel to it, at once."""
    ours, theirs = socket.socketpair()
    read, sink = os.pipe()
    output = Output(read)
    try:
        born = factory.spawn(limits, theirs, sink, places, judged)
    except BaseException:
        ours.close()
        output.close()
        raise
    finally:
        theirs.close()
        os.close(sink)
    return WorkerProcess(factory, born, output), Channel(ours, drain=output)


def how_it_ended(status: int | None, callee: str, cpu_seconds: int) -> StudentError:
    """Return the error that a wait status means for what ran meanwhile; None if only the connection was closed."""
    if status is None:
        return StudentCrashed(callee, f"{callee} closed its connection to the grader")
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
