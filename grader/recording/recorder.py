"""Writes down what a worker of the reference is asked and answers, as tapes; only the instructor's side has this."""

from typing import Any

import numpy as np

from ..sandbox.client import Exchange, Worker
from ..sandbox.graft import Relay
from ..sandbox.wire import unpack
from . import prints
from .objects import Objects
from .relay import of_call
from .tape import Call, Entry, Joined, Tape

NOT_ON_TAPE = ("begin", "seed", "reset", "graft")
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


class RecordedWorker(Worker):
    """The reference's worker with a recorder beside it, where one was set."""

    recorder: Recorder | None = None

    def _exchange(self, buffers: list[Any]) -> Exchange:
        exchange = super()._exchange(buffers)
        asked, arrays = unpack(buffers)

        def listened(deadline: float) -> Any:
            header, answered = exchange(deadline)
            if self.recorder is not None:
                self.recorder.note(asked.message, arrays, header.message, answered)
            return header, answered

        return listened


class ListeningRelay:
    """A Relay with a recorder beside it."""

    def __init__(self, relay: Relay, recorder: Recorder) -> None:
        self.used, self.raised, self.package = relay.used, relay.raised, relay.package
        self._relay, self._recorder = relay, recorder

    def __call__(self, message: dict[str, Any], arrays: list[np.ndarray]) -> list[Any]:
        """The relay's reply frame."""
        frame = self._relay(message, arrays)
        header, answered = unpack(frame)
        self._recorder.note_call(message, arrays, header.message, answered)
        return frame


class ShakenWorker(Worker):
    """A worker whose answers are a little wrong, to see which questions to the reference depend on them."""

    def _exchange(self, buffers: list[Any]) -> Exchange:
        exchange = super()._exchange(buffers)

        def shaken(deadline: float) -> Any:
            header, arrays = exchange(deadline)
            return header, [_shake(array) for array in arrays]

        return shaken


def _shake(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    factors = 1 + JITTER * np.random.RandomState(array.size).uniform(0.5, 1, array.shape)
    return (array * factors).astype(array.dtype)
