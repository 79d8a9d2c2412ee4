"""The ways from a client to what answers its requests, a process or this very one, and how replies are read."""

import contextlib
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
import numpy as np

from ...errors import Attempt, SandboxError, StackFrame, WorkerRaised
from ...limits import (
    CHANGE_KEY_CHARACTERS,
    CHANGE_LEVELS,
    CHANGES,
    MESSAGE_CHARACTERS,
    WORKER_END_SECONDS,
    WORKER_START_SECONDS,
)
from ..child.server import Way, WorkerServer
from ..wire import Channel, ChannelClosed, Deadline, DeadlinePassed, Decoder, WireError, unpack_frame
from .process import WorkerProcess, read_last_words

BROKEN = "Set up the environment again."

Told = TypeVar("Told")
Keys = Annotated[list[int | str], msgspec.Meta(min_length=1, max_length=CHANGE_LEVELS)]
Ways = Annotated[list[Keys], msgspec.Meta(max_length=CHANGES)]
Frame = list[Any]
Reply = tuple[dict[str, Any], list[np.ndarray]]


class WorkerGone(Exception):
    """The other end is gone; `status` is its wait status, None where only the connection was closed."""

    def __init__(self, status: int | None) -> None:
        super().__init__(status)
        self.status = status


class Transport:
    """A way to what answers requests; here to none but its own `answer`, without a process.

    Subclasses answer once the reply is asked for, so that a breakpoint in it comes when it is expected.
    """

    process: WorkerProcess | None = None  # that can be paused and timed

    def __init__(self) -> None:
        self._sent: deque[Frame] = deque()

    def connect(self) -> None:
        """Wait until the other end is there, so that no deadline runs until then."""

    def send(self, frame: Frame, deadline: Deadline | None = None) -> None:
        """Send a frame without waiting for what comes back. Raise DeadlinePassed where it cannot go in time."""
        self._sent.append(frame)

    def receive(self, deadline: Deadline) -> Reply:
        """Return the next frame that comes. Raise DeadlinePassed, WorkerGone or WireError."""
        return self.answer(self._sent.popleft(), deadline)

    def answer(self, frame: Frame, deadline: Deadline) -> Reply:
        """Return the reply to a request."""
        raise NotImplementedError

    def close(self) -> None:
        """End what is at the other end."""


class ProcessTransport(Transport):
    """The way to a worker in a process of its own."""

    process: WorkerProcess

    def __init__(self, process: WorkerProcess, channel: Channel) -> None:
        super().__init__()
        self.process = process
        self._channel = channel
        self._ready = False

    def connect(self) -> None:
        """Wait until the process is there and ready. Raise SandboxError where it does not come up."""
        if self._ready:
            return
        self.process.meet()
        try:
            if self.process.says_ready:
                self._channel.receive(Deadline(time.monotonic() + WORKER_START_SECONDS))
        except DeadlinePassed:
            self.close()
            raise SandboxError(f"a worker was not ready within {WORKER_START_SECONDS:.0f} s") from None
        except (ChannelClosed, WireError):
            gone = self._lost()
            said = read_last_words(self.process.output.take(), gone.status)
            raise SandboxError(f"a worker could not start: {said}. {BROKEN}") from None
        self._ready = True

    def send(self, frame: Frame, deadline: Deadline | None = None) -> None:
        """Send a frame; the process may still be on its way."""
        with contextlib.suppress(ChannelClosed):  # whoever waits for the reply will notice
            self._channel.send(frame, deadline)

    def receive(self, deadline: Deadline) -> Reply:
        """Return the next frame."""
        try:
            return self._channel.receive(deadline)
        except ChannelClosed:
            raise self._lost() from None

    def close(self) -> None:
        """Kill the process with its group; it is collected by and by."""
        self._channel.close()
        self.process.end()

    def _lost(self) -> WorkerGone:
        ended = self.process.ends_within(WORKER_END_SECONDS)
        self._channel.close()
        status = self.process.status()
        return WorkerGone(status if ended else None)


class InProcessTransport(Transport):
    """Answers in the parent's own process, through the same frames; no deadline, no isolation, not for grading.

    Each side keeps a random stream and the modules of its package, as a process of its own would. `forward` answers
    the calls of its callbacks.
    """

    _loaded: ClassVar[dict[str, "InProcessTransport"]] = {}  # by package name: the side whose modules can be imported

    def __init__(self, package: str, forward: Callable[[Reply], Frame]) -> None:
        super().__init__()
        self._package, self._modules = package, dict[str, ModuleType]()
        self._forward, self._server, self._random = forward, WorkerServer(self._ask), _random_state()

    def _ask(self, frame: Frame) -> Reply:
        return unpack_frame(self._forward(unpack_frame(frame)))

    def answer(self, frame: Frame, deadline: Deadline) -> Reply:
        """Answer a request, on this side's random stream and with its modules."""
        outside, other = _random_state(), self._loaded.get(self._package, self)
        _set_random_state(self._random)
        self._swap_modules(other, self)
        try:
            return unpack_frame(self._server.answer(*unpack_frame(frame)))
        finally:
            self._swap_modules(self, other)
            self._random = _random_state()
            _set_random_state(outside)

    def _swap_modules(self, old: "InProcessTransport", new: "InProcessTransport") -> None:
        """Let the modules of another side take the place of those that are there."""
        if old is not new:
            names = [name for name in sys.modules if f"{name}.".startswith(f"{self._package}.")]
            old._modules = {name: sys.modules.pop(name) for name in names}
            sys.modules.update(new._modules)
        self._loaded[self._package] = new


def _random_state() -> tuple[Any, Any]:
    return np.random.get_state(), random.getstate()


def _set_random_state(state: tuple[Any, Any]) -> None:
    np.random.set_state(state[0])
    random.setstate(state[1])


def decode_reply(
    message: dict[str, Any], arrays: list[np.ndarray], special: Callable[[str, Any], Any], callee: str
) -> Any:
    """Return the value of an answer. Raise WorkerRaised when it is an error, WireError when it cannot be read."""
    try:
        if "error" not in message:
            return Decoder(arrays, special).value(message.get("ok"))
        raise _decode_error(_convert(message["error"], dict[str, Any]), callee)
    except (TypeError, KeyError, ValueError, OverflowError, RecursionError):
        raise WireError("an answer that cannot be read") from None


def decode_changes(message: dict[str, Any]) -> list[Way]:
    """Return the ways to the arguments that a call changed in place. Raise WireError when they cannot be read."""
    ways = _convert(message["changed"], Ways) if "changed" in message else []
    return [tuple(key if isinstance(key, int) else _text(key)[:CHANGE_KEY_CHARACTERS] for key in way) for way in ways]


def read_frames(frames: Any) -> list[StackFrame]:
    """Return the lines that a worker reports. Raise WireError when they cannot be read."""
    found = _convert(frames, list[StackFrame])
    return [StackFrame(_text(one.file), one.line, _text(one.function), _text(one.text)) for one in found]


def _decode_error(error: dict[str, Any], callee: str) -> WorkerRaised:
    attempt = error.get("attempt")
    known = Attempt(attempt) if attempt in set(Attempt) else None
    frames = read_frames(error["frames"])
    raised = WorkerRaised(callee, _text(error["message"]), frames, _text(error["type"]), known)
    raised.holder, raised.near, raised.shapes = (_text(error.get(key, "")) for key in ("holder", "near", "shapes"))
    odd = error.get("odd")
    if isinstance(odd, list) and len(odd) == 2:
        raised.odd = _text(odd[0]), _text(odd[1])
    return raised


def _convert(told: Any, kind: type[Told]) -> Told:
    """Return what a worker tells, once it is of this kind. Raise WireError."""
    try:
        return msgspec.convert(told, kind)
    except (msgspec.ValidationError, RecursionError):
        raise WireError("a report that cannot be read") from None


def _text(value: Any) -> str:
    """Words from a worker, cut short and without what no report could hold, such as half a surrogate pair."""
    return "".join(c for c in str(value)[:MESSAGE_CHARACTERS] if c.isprintable() or c == "\n")
