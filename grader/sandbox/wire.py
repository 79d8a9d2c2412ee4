"""The frames parent and worker exchange: a length, a JSON header and raw array buffers; nothing is ever unpickled.

A frame is `u32 header length | JSON header | buffers`.
The header is `{"message": {...}, "arrays": [[dtype, shape], ...]}`.
A value in it is plain JSON for None, bool, int, str and finite floats, and an object with one key for anything else.
"""

import json
import math
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import limits

COMPUTED = 8  # bytes of an element in float64: an array counts as what it is once it is computed with
DTYPES = frozenset(np.dtype(code).str for code in ("?", "b", "h", "i", "q", "B", "H", "I", "Q", "e", "f", "d"))
LENGTH = struct.Struct("<I")
TOGETHER = 64 * 1024  # bytes of a frame that is copied to be sent in one piece
Spec = tuple[np.dtype, tuple[int, ...]]
ENCODE = json.JSONEncoder(allow_nan=False).encode  # json.dumps would make an encoder for each header
DECODE = json.JSONDecoder().decode  # json.loads would guess the encoding of each header


class WireError(Exception):
    """A frame broke the rules of the wire; what it held is not used."""


class Unsendable(TypeError):
    """A value that has no form on the wire and stays where it is."""


@dataclass(frozen=True)
class Tensor:
    """An array that the worker shall see as a torch tensor."""

    array: np.ndarray
    requires_grad: bool = False


class Encoder:
    """Turns values into nodes and collects their arrays; `special` gives any other node or raises Unsendable."""

    def __init__(self, special: Callable[[Any, "Encoder"], Any]) -> None:
        self.arrays: list[np.ndarray] = []
        self._special = special

    def node(self, value: Any, depth: int = 0) -> Any:
        """Return the JSON node of a value. Raise Unsendable where it has none."""
        if depth > limits.VALUE_LEVELS:
            raise Unsendable("nested too deeply")
        if value is None or type(value) in (bool, int, str):
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if isinstance(value, np.ndarray):
            return {"array": self.attach(value)}
        if isinstance(value, np.generic):
            return {"scalar": self.attach(np.asarray(value))}
        if type(value) in (tuple, list):
            return {type(value).__name__: [self.node(item, depth + 1) for item in value]}
        if type(value) is dict:
            return {"dict": [[self.node(key, depth + 1), self.node(item, depth + 1)] for key, item in value.items()]}
        return self._special(value, self)

    def attach(self, array: np.ndarray) -> int:
        """Add an array to the frame and return its number. Raise Unsendable for anything but plain numbers."""
        array = np.asarray(array)  # a subclass could put its work off until now, after the clock was read
        if array.dtype.newbyteorder("<").str not in DTYPES or array.ndim > limits.ARRAY_AXES:
            raise Unsendable(f"an array of dtype {array.dtype} with {array.ndim} axes")
        little_endian = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False, subok=False)
        self.arrays.append(little_endian)
        return len(self.arrays) - 1

    def frame(self, message: dict[str, Any]) -> list[Any]:
        """Return the frame as buffers to send. Raise Unsendable when it is over a cap."""
        specs = [[array.dtype.str, list(array.shape)] for array in self.arrays]
        header = ENCODE({"message": message, "arrays": specs}).encode()
        size = sum(COMPUTED * array.size for array in self.arrays)
        is_large = len(header) > limits.FRAME_HEADER_BYTES or size > limits.FRAME_BYTES
        if is_large or len(specs) > limits.FRAME_ARRAYS:
            raise Unsendable(f"a message of {len(specs)} arrays and {size + len(header):,} bytes is over the limit")
        buffers = [array.reshape(-1).view(np.uint8).data for array in self.arrays if array.nbytes]
        return [LENGTH.pack(len(header)) + header, *buffers]


def parse_header(raw: bytes) -> tuple[dict[str, Any], list[Spec]]:
    """Return a header's message, and what each buffer after it will hold, before anything is allocated.

    Raise WireError naming what is wrong.
    """
    try:
        header = DECODE(raw.decode())
        message, specs = header["message"], header["arrays"]
        if not isinstance(message, dict) or not isinstance(specs, list) or len(specs) > limits.FRAME_ARRAYS:
            raise WireError("a header without a message, or with too many arrays")
        checked = [_spec(dtype, shape) for dtype, shape in specs]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WireError(f"a header that cannot be read ({type(error).__name__})") from None
    # an empty array counts as if it were not, because its sides' product has to fit all the same
    if sum(COMPUTED * math.prod(max(side, 1) for side in shape) for _, shape in checked) > limits.FRAME_BYTES:
        raise WireError("arrays over the size limit")
    return message, checked


def unpack_frame(buffers: list[Any]) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return the message and copies of the arrays of a frame that this process has encoded itself."""
    message, specs = parse_header(bytes(buffers[0])[LENGTH.size :])
    filled = iter(buffers[1:])
    arrays = [np.zeros(shape, dtype) for dtype, shape in specs]
    for array in arrays:
        if array.nbytes:
            array.reshape(-1).view(np.uint8)[:] = next(filled)
    return message, arrays


def _spec(dtype: Any, shape: Any) -> Spec:
    is_known = isinstance(dtype, str) and dtype in DTYPES
    if not is_known or not isinstance(shape, list) or len(shape) > limits.ARRAY_AXES:
        raise WireError("an array of a dtype or rank that is not allowed")
    if not all(type(side) is int and 0 <= side <= limits.FRAME_BYTES for side in shape):
        raise WireError("an array with an impossible shape")
    return np.dtype(dtype), tuple(shape)


class Decoder:
    """Turns nodes back into values; `special` makes the value of nodes only one side understands.

    Each array is one value only, or a small frame could hold a list of the same large one thousands of times.
    """

    def __init__(self, arrays: list[np.ndarray], special: Callable[[str, Any], Any]) -> None:
        self._unused = dict(enumerate(arrays))
        self._special = special

    def value(self, node: Any, depth: int = 0) -> Any:
        """Return the value of a node. Raise WireError for a node of no known form."""
        if depth > limits.VALUE_LEVELS:
            raise WireError("a value nested too deeply")
        if node is None or isinstance(node, (bool, int, str, float)):
            return node
        if not isinstance(node, dict) or len(node) != 1:
            raise WireError("a value of no known form")
        ((form, content),) = node.items()
        try:
            return self._compound(form, content, depth)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError):
            raise WireError(f"a {form!r:.40} that cannot be read") from None

    def _compound(self, form: str, content: Any, depth: int) -> Any:
        if form == "float":
            return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[content]
        if form in ("array", "scalar"):
            array = self._unused.pop(content)
            return array if form == "array" else array[()]
        if form in ("tuple", "list"):
            items = [self.value(item, depth + 1) for item in content]
            return tuple(items) if form == "tuple" else items
        if form == "dict":
            return {self.value(key, depth + 1): self.value(item, depth + 1) for key, item in content}
        if form == "tensor":
            return self._special(form, (self._unused.pop(content[0]), content[1]))
        return self._special(form, content)


class ChannelClosed(Exception):
    """The other end is gone."""


class DeadlinePassed(Exception):
    """The other end did not answer in time."""


@dataclass
class Deadline:
    """The moment at which the other end has to be done; when it passes, `extend` is asked for more seconds."""

    at: float
    extend: Callable[[], float] = lambda: 0.0

    def check(self) -> None:
        """Put it off where it has passed. Raise DeadlinePassed where there are no more seconds."""
        if time.monotonic() >= self.at:
            more = self.extend()
            if more <= 0:
                raise DeadlinePassed
            self.at = time.monotonic() + more


class Channel:
    """Frames over a socket; `drain` is read while waiting, so that the worker's output never fills its pipe.

    Deadlines hold only where the socket does not block; a worker, which has none, is quicker with one that does.
    """

    def __init__(self, sock: socket.socket, drain: Any = None, blocking: bool = False) -> None:
        sock.setblocking(blocking)
        self.sock = sock
        self._drain = drain
        self._sending = threading.Lock()

    def send(self, buffers: list[Any], deadline: Deadline | None = None) -> None:
        """Send a frame. Raise DeadlinePassed or ChannelClosed."""
        if sum(len(buffer) for buffer in buffers) <= TOGETHER:
            buffers = [b"".join(buffers)]  # in one piece, so that the other end wakes up only once
        with self._sending:  # a worker's late report comes from another thread than its frames
            for buffer in buffers:
                self._send_all(memoryview(buffer), deadline)

    def _send_all(self, view: memoryview, deadline: Deadline | None) -> None:
        while view.nbytes:
            try:
                view = view[self.sock.send(view) :]
            except BlockingIOError:
                self.wait(deadline, writing=True)
            except (BrokenPipeError, ConnectionError):
                raise ChannelClosed from None

    def receive(self, deadline: Deadline | None = None) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Return the next frame's message and arrays. Raise DeadlinePassed, ChannelClosed or WireError.

        The deadline is for its first byte: what came in time is read, however late this side looks.
        """
        if deadline is not None:
            self.wait(deadline)
            deadline = Deadline(time.monotonic() + limits.FRAME_SECONDS, deadline.extend)
        (length,) = LENGTH.unpack(self._exactly(bytearray(LENGTH.size), deadline))
        if length > limits.FRAME_HEADER_BYTES:
            raise WireError(f"a header of {length:,} bytes")
        message, specs = parse_header(bytes(self._exactly(bytearray(length), deadline)))
        arrays = [np.empty(shape, dtype) for dtype, shape in specs]
        for array in arrays:
            if array.nbytes:
                self._exactly(array.reshape(-1).view(np.uint8), deadline)
        return message, arrays

    def _exactly(self, target: Any, deadline: Deadline | None) -> Any:
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
            if deadline is not None:
                deadline.check()
            view = view[count:]
        return target

    def wait(self, deadline: Deadline | None, writing: bool = False) -> None:
        """Wait until there is something to receive, or with `writing` until something can be sent."""
        drain = self._drain
        while True:
            extra = [drain.fd] if drain is not None and drain.open else []
            left = None if deadline is None else max(0.0, deadline.at - time.monotonic())
            wanted = [] if writing else [self.sock]
            readable, writable, _ = select.select(wanted + extra, [self.sock] if writing else [], [], left)
            if drain is not None and drain.fd in readable:
                drain.read()
            if writable or self.sock in readable:
                return
            if deadline is not None:
                deadline.check()

    def close(self) -> None:
        """Close this end."""
        self.sock.close()
