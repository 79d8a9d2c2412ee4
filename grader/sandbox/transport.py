"""The ways from a client to what answers its requests: what every way can do, and the way to a process."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .channel import Channel, ChannelClosed, DeadlinePassed
from .launch import Ticket
from .process import WorkerProcess

GRACE = 0.5  # seconds in which a process whose connection is gone has ended too

Frame = list[Any]
Reply = tuple[dict[str, Any], list[np.ndarray]]


class WorkerGone(Exception):
    """The other end is gone; `status` is its wait status, None where only the connection was closed."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


@dataclass
class Deadline:
    """The moment at which a reply has to be there; when it passes, `extend` is asked for more seconds."""

    at: float
    extend: Callable[[], float] = lambda: 0.0


class Transport(Protocol):
    """A way to what answers requests; a decorator is one around another."""

    @property
    def process(self) -> WorkerProcess | None:
        """The process that can be paused and timed; None where requests are answered without one."""

    def connect(self) -> None:
        """Wait until the other end is there, so that no deadline runs until then."""

    def post(self, frame: Frame) -> None:
        """Send a request without waiting, neither for the other end nor for the reply."""

    def receive(self, deadline: Deadline) -> Reply:
        """Return the reply to the next of the requests that were posted; raises as `exchange` does."""

    def exchange(self, frame: Frame, deadline: Deadline) -> Reply:
        """Send a frame and return the next one that comes; raises DeadlinePassed, WorkerGone or WireError."""

    def close(self, wait: bool = True) -> None:
        """End what is at the other end, by default waiting until nothing is left of it."""


class ProcessTransport:
    """The way to a worker in a process of its own."""

    def __init__(self, process: WorkerProcess, channel: Channel) -> None:
        self.process = process
        self._channel = channel
        self._open = True

    def connect(self) -> None:
        """Wait until the process is there."""
        self.process.meet()

    def post(self, frame: Frame) -> None:
        """Send a request while the process may still be on its way."""
        with contextlib.suppress(ChannelClosed):  # whoever waits for the reply will notice
            self._channel.send(frame)

    def receive(self, deadline: Deadline) -> Reply:
        """Return the next frame; the deadline is put off only for as long as nothing has come."""
        try:
            self._wait(deadline)
            return self._channel.receive(deadline.at)
        except ChannelClosed:
            raise self._lost() from None

    def exchange(self, frame: Frame, deadline: Deadline) -> Reply:
        """Send a frame and return the next one."""
        try:
            self._channel.send(frame, deadline.at)
        except ChannelClosed:
            raise self._lost() from None
        return self.receive(deadline)

    def close(self, wait: bool = True) -> None:
        """Kill the process with its group."""
        ticket = self._end()
        if wait and ticket is not None:
            self.process.status(ticket)

    def _wait(self, deadline: Deadline) -> None:
        while True:
            try:
                return self._channel.wait(deadline.at)
            except DeadlinePassed:
                more = deadline.extend()
                if more <= 0:
                    raise
                deadline.at = time.monotonic() + more

    def _end(self) -> Ticket | None:
        if not self._open:
            return None
        self._open = False
        self._channel.close()
        return self.process.end()

    def _lost(self) -> WorkerGone:
        ended = self.process.ends_within(GRACE)
        ticket = self._end()
        status = self.process.status(ticket) if ticket is not None else None
        return WorkerGone(status if ended else None)
