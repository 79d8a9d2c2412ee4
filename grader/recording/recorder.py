"""Writes down what a worker of the reference is asked and answers, as tapes; only the instructor's side has this."""

from typing import Any

import numpy as np

from ..sandbox.parent.process import WorkerProcess
from ..sandbox.parent.transport import Deadline, Frame, Reply, Transport
from ..sandbox.wire import unpack
from . import prints
from .objects import Objects
from .relay import of_call
from .tape import Call, Entry, Joined, Tape

NOT_ON_TAPE = ("load", "seed", "reset", "replace")
JITTER = 1e-3


class Recorder:
    """Makes one tape from a worker's requests and replies."""

    def __init__(self, seed: int) -> None:
        self.tape, self._objects = Tape(seed), Objects()
        self.arrays: list[np.ndarray] = []

    def note(self, message: dict[str, Any], arrays: list[np.ndarray], reply: dict, answered: list[np.ndarray]) -> None:
        """Takes a request with its reply; without its lines of code where the reply is an error."""
        if message["op"] in NOT_ON_TAPE:
            return
        if not self._objects.of_package(message):
            ask = prints.of_request(message, arrays, self._objects.token)
            if "ok" in reply:
                self._objects.note(message, ask, prints.answered(reply))
            return
        joined = [Joined(*self._objects.hand_over(thing)) for thing in self._objects.things(message)]
        for number in (number for part in joined for number in part.numbers):
            self._objects.record(number, number)
        ask = prints.of_request(message, arrays, self._objects.token)
        if "error" in reply:
            reply = {"error": reply["error"] | {"frames": []}}
        for number in prints.answered(reply):
            self._objects.record(number, number)
        self.tape.entries.append(Entry(ask, reply, self._keep(answered), joined))

    def note_call(self, message: dict[str, Any], arrays: list[np.ndarray], reply: dict, answered: list) -> None:
        """Takes a call that the reference makes to another function of the assignment, with what that returned."""
        if "ok" in reply:
            self.tape.calls.append(Call(message["callback"], of_call(message, arrays), reply, self._keep(answered)))

    def _keep(self, arrays: list[np.ndarray]) -> list[int]:
        self.arrays.extend(arrays)
        return list(range(len(self.arrays) - len(arrays), len(self.arrays)))


class Around:
    """A decorator that changes nothing: everything goes through to another transport."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner

    @property
    def process(self) -> WorkerProcess | None:
        """The process at the other end."""
        return self.inner.process

    def connect(self) -> None:
        """Wait until the other end is there."""
        self.inner.connect()

    def post(self, frame: Frame) -> None:
        """Send the first request."""
        self.inner.post(frame)

    def receive(self, deadline: Deadline) -> Reply:
        """Return the reply to the first request."""
        return self.inner.receive(deadline)

    def exchange(self, frame: Frame, deadline: Deadline) -> Reply:
        """Send a frame and return the next one that comes."""
        return self.inner.exchange(frame, deadline)

    def close(self, wait: bool = True) -> None:
        """End what is at the other end."""
        self.inner.close(wait)


class RecordingTransport(Around):
    """Notes down requests with their replies, or only the calls of callback stubs with what was answered."""

    def __init__(self, inner: Transport, recorder: Recorder, calls_only: bool = False) -> None:
        super().__init__(inner)
        self._recorder, self._calls_only = recorder, calls_only
        self._call: Reply | None = None

    def exchange(self, frame: Frame, deadline: Deadline) -> Reply:
        """Pass a frame on, and note it with its reply; after the call of a callback stub, it is the answer to that."""
        reply = self.inner.exchange(frame, deadline)
        asked = unpack(frame)
        if self._call is not None:
            self._recorder.note_call(*self._call, *asked)
        elif not self._calls_only:
            self._recorder.note(*asked, *reply)
        self._call = reply if "callback" in reply[0] else None
        return reply


class PerturbedTransport(Around):
    """Makes each answer a little wrong, to see which questions to the reference depend on it."""

    def exchange(self, frame: Frame, deadline: Deadline) -> Reply:
        """Pass a frame on, and change the numbers of the reply."""
        message, arrays = self.inner.exchange(frame, deadline)
        return message, [_perturbed(array) for array in arrays]


def _perturbed(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    factors = 1 + JITTER * np.random.RandomState(array.size).uniform(0.5, 1, array.shape)
    return (array * factors).astype(array.dtype)
