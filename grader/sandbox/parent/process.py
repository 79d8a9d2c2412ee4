"""A worker's process, held from outside: what it prints is read, and it is paused, timed and ended."""

import contextlib
import os
import select
import signal
import socket
import sys
import threading
import time
from functools import cached_property
from pathlib import Path

from ...errors import Ending, WorkerCrashed, WorkerEnded, WorkerTimeout
from ...limits import MESSAGE_CHARACTERS, WORKER_END_SECONDS, WORKER_OUTPUT_BYTES
from ..wire import Channel
from .zygote_pool import Factory, PendingReply

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


class Output:
    """The worker's capped stdout and stderr, from a descriptor that does not block, read to the end."""

    def __init__(self, fd: int) -> None:
        self.fd, self.text = fd, b""
        self.open = True

    def read(self) -> None:
        """Take what is there; closes at the end of the stream."""
        if not self.open:
            return
        with contextlib.suppress(BlockingIOError):
            if not self._keep(os.read(self.fd, WORKER_OUTPUT_BYTES)):
                self.close()

    def _keep(self, part: bytes) -> bytes:
        self.text = (self.text + part)[:WORKER_OUTPUT_BYTES]
        return part

    def take(self) -> str:
        """Return what was printed since the last time this was asked."""
        self.read()
        text, self.text = self.text.decode(errors="replace"), b""
        return text

    def close(self) -> None:
        if self.open:
            self.open = False
            os.close(self.fd)


class ThreadedOutput(Output):
    """The same from one that blocks, where only sockets can be waited for (Windows): a thread reads it."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self.open = False  # nobody else needs to wait for it
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for what an ended worker has left."""
        self._thread.join(WORKER_END_SECONDS)

    def _drain(self) -> None:
        with contextlib.suppress(OSError):
            while self._keep(os.read(self.fd, WORKER_OUTPUT_BYTES)):
                pass
        os.close(self.fd)


class WorkerProcess:
    """A process on its way until something is first asked of it; the reply `born` will hold its `pid`.

    One that `says_ready` loads its libraries itself and sends a frame once it has; a fork of a zygote has them.
    """

    def __init__(self, factory: Factory, born: PendingReply, output: Output, says_ready: bool) -> None:
        self._factory, self._born, self.output, self.says_ready = factory, born, output, says_ready
        self._collected: PendingReply | None = None

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

    def waited_seconds(self) -> float:
        """Return how long its first thread has waited for a core so far, as Linux tells; 0 where nothing does."""
        try:
            return int(Path(f"/proc/{self.pid}/schedstat").read_bytes().split()[1]) / 1e9
        except OSError:
            return 0.0

    def pause(self) -> None:
        """Stop the process, background threads included, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._signal(signal.SIGCONT)

    def end(self) -> PendingReply:
        """Kill the process and its group and have it collected, once; the reply will hold its wait `status`."""
        if self._collected is not None:
            return self._collected
        self._signal(KILL)
        pid, handle = self._held
        if handle is not None:
            os.close(handle)
        self.output.read()
        self.output.close()
        self._collected = self._factory.reap(pid)
        return self._collected

    def status(self) -> int:
        """End the process, where it has not ended, and return its wait status."""
        return self._factory.reply(self.end())["status"]

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
    output: Output
    if sys.platform == "win32":
        output = ThreadedOutput(read)
    else:
        os.set_blocking(read, False)
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
    return WorkerProcess(factory, born, output, says_ready=not factory.fresh_workers), Channel(ours, drain=output)


def read_wait_status(status: int | None, callee: str, cpu_seconds: int) -> WorkerEnded:
    """Return the error that a wait status means for what ran meanwhile; None if only the connection was closed."""
    if status is None:
        return WorkerCrashed(callee, Ending.HUNG_UP)
    name = _signal_name(status)
    if name == "SIGXCPU":
        return WorkerTimeout(callee, Ending.OUT_OF_CPU_TIME, cpu_seconds)
    if name == "SIGKILL":
        return WorkerTimeout(callee, Ending.KILLED, cpu_seconds)
    return WorkerCrashed(callee, Ending.SIGNALLED, name) if name else WorkerCrashed(callee, Ending.EXITED, status >> 8)


def _signal_name(status: int) -> str:
    """Return the name of the signal in a wait status; empty where there is none."""
    number = status & 0x7F
    return signal.Signals(number).name if number in set(signal.Signals) else str(number or "")


def read_last_words(output: str, status: int | None) -> str:
    """Return the last line of a process that has ended, or how it ended."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if lines:
        return lines[-1][:MESSAGE_CHARACTERS].rstrip(".")
    name = _signal_name(status or 0)
    return f"it was ended by signal {name}" if name else f"it ended by itself with exit status {(status or 0) >> 8}"
