"""One end of the socket between parent and worker: whole frames in and out, under an absolute deadline."""

import select
import socket
import time
from typing import Any

import numpy as np

from .wire import CAPS, LENGTH, Caps, WireError, parse_header


class ChannelClosed(Exception):
    """The other end is gone."""


class DeadlinePassed(Exception):
    """The other end did not answer in time."""


class Channel:
    """Frames over a socket; `drain` is read while waiting, so that the worker's output never fills its pipe.

    Deadlines hold only where the socket does not block; a worker, which has none, is quicker with one that does.
    """

    def __init__(self, sock: socket.socket, drain: Any = None, caps: Caps = CAPS, blocking: bool = False) -> None:
        sock.setblocking(blocking)
        self.sock = sock
        self._drain = drain
        self._caps = caps

    def send(self, buffers: list[Any], deadline: float | None = None) -> None:
        """Sends a frame; raises DeadlinePassed or ChannelClosed."""
        try:
            for buffer in buffers:
                view = memoryview(buffer)
                while view.nbytes:
                    try:
                        view = view[self.sock.send(view) :]
                    except BlockingIOError:
                        self.wait(deadline, writing=True)
        except (BrokenPipeError, ConnectionError):
            raise ChannelClosed from None

    def receive(self, deadline: float | None = None) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Returns the next frame's message and arrays; raises DeadlinePassed, ChannelClosed or WireError."""
        (length,) = LENGTH.unpack(self._exactly(bytearray(LENGTH.size), deadline))
        if length > self._caps.header:
            raise WireError(f"a header of {length:,} bytes")
        header = parse_header(bytes(self._exactly(bytearray(length), deadline)), self._caps)
        arrays = [np.empty(shape, dtype) for dtype, shape in header.specs]
        for array in arrays:
            if array.nbytes:
                self._exactly(array.reshape(-1).view(np.uint8), deadline)
        return header.message, arrays

    def _exactly(self, target: Any, deadline: float | None) -> Any:
        view = memoryview(target)
        while view.nbytes:
            try:
                count = self.sock.recv_into(view)
            except BlockingIOError:
                self.wait(deadline)
                continue
            except ConnectionError:
                count = 0
            if not count:
                raise ChannelClosed
            if deadline is not None and time.monotonic() > deadline:
                raise DeadlinePassed
            view = view[count:]
        return target

    def wait(self, deadline: float | None, writing: bool = False) -> None:
        """Waits until there is something to receive, or with `writing` until something can be sent."""
        extra = [self._drain] if self._drain is not None and self._drain.open else []
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise DeadlinePassed
            wanted = [] if writing else [self.sock]
            readable, writable, _ = select.select(wanted + extra, [self.sock] if writing else [], [], left)
            if extra and extra[0] in readable:
                extra[0].read()
                extra = extra if extra[0].open else []
            if writable or self.sock in readable:
                return

    def close(self) -> None:
        """Closes this end."""
        self.sock.close()
