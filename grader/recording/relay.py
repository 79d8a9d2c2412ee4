"""Answers what a student's code asks of the functions it builds on, where the reference's own calls are recorded."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..sandbox.wire import Encoder
from . import prints
from .tape import Call, Recording, Tape

CLOSE = 1e-6  # a student's code may compute what it passes on in another order


class RecordedForwarder:
    """Stands for a CallForwarder: a call gets the answer of the recorded call with the same function and arguments.

    A call of one of its `twins`, which return the same for the same arguments, will do. What stays in the other
    worker, such as a cache, goes by its number in the record. `used` names what was called, `raised` what had no
    answer, and why.
    """

    def __init__(
        self, recording: Recording, tape: Tape, allowed: Iterable[str], twins: Callable[[str], set[str]]
    ) -> None:
        self.used: set[str] = set()
        self.raised: list[tuple[str, str]] = []
        self._twins = twins
        self._recording, self._calls, self._allowed = recording, tape.calls, frozenset(allowed)
        self._answered: list[Call] = []

    def __call__(self, message: dict[str, Any], arrays: list[np.ndarray]) -> list[Any]:
        """The reply frame to a call; an error reply where no recorded call is like it."""
        encoder = Encoder(lambda value, encoder: None)
        try:
            call = self._like(message, arrays)
        except Exception:  # the message is a student's: it may hold anything
            name = message.get("callback")
            self.raised.append((name if isinstance(name, str) and name in self._allowed else "function", "LookupError"))
            return encoder.frame({"error": "raised"})
        self.used.add(message["callback"])
        encoder.arrays.extend(self._recording.arrays[number] for number in call.arrays)
        return encoder.frame(call.reply)

    def seed(self, seed: int) -> None:
        """Do nothing; nothing is drawn where everything is recorded."""

    def _like(self, message: dict[str, Any], arrays: list[np.ndarray]) -> Call:
        """The recorded call, one not yet answered where several are alike; raises LookupError when there is none."""
        name, ask = message["callback"], of_call(message, arrays)
        twins = self._twins(name) if name in self._allowed else ()
        calls = [call for call in self._calls if call.name in twins and prints.agree(call.ask, ask, CLOSE)]
        if not calls:
            raise LookupError(name)
        call = next((call for call in calls if call not in self._answered), calls[-1])
        self._answered.append(call)
        return call


def of_call(message: dict[str, Any], arrays: list[np.ndarray]) -> Any:
    """The print of a call's arguments."""
    return [prints.of_node(message[key], arrays, lambda number: number) for key in ("args", "kwargs")]
