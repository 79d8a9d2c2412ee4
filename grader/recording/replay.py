"""The recorded reference: a transport that answers a check's requests, and what answers its callback stubs."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..errors import AnswerVaries, Unrecorded
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.transport import Deadline, Frame, ImmediateTransport, Reply
from ..sandbox.policy import Limits
from ..sandbox.wire import Encoder, unpack
from .cassette import Array, Entry, Message, Recording, agree, fingerprint_request

SAME = 1e-9
CLOSE = 1e-6  # a student's code may compute what it passes on in another order


class ReplayTransport(ImmediateTransport):
    """The way to a reference that is not there; each `reset` begins with the cassette of the check with this seed.

    Requests that change something have to come in the order of the cassette, looks before the next of them.
    """

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording
        self._begin(0)

    def _begin(self, seed: int) -> None:
        self._cassette, self._position = self._recording.cassette(seed), 0

    def exchange(self, frame: Frame, deadline: Deadline) -> Reply:
        """Answer a request from the cassette; raises Unrecorded or AnswerVaries where it is not on it."""
        message, arrays = unpack(frame)
        if message["op"] == "reset":
            self._begin(message["seed"])
        if message["op"] in ("load", "reset", "seed"):
            return {"ok": None}, []
        entry = self._find(fingerprint_request(message, arrays))
        if entry is None:
            raise self._missing(message)
        return entry.reply, [self._recording.arrays[number] for number in entry.arrays]

    def _find(self, ask: Message) -> Entry | None:
        """Return the entry of a request: the next that changed something, or a look before it."""
        entries = self._cassette.entries if self._cassette is not None else []
        for number in range(self._position, len(entries)):
            entry = entries[number]
            if agree(entry.ask, ask, SAME):
                self._position = self._position if entry.is_look else number + 1
                return entry
            if not entry.is_look:
                break
        return None

    def _missing(self, message: Message) -> Exception:
        if self._cassette is None:
            return Unrecorded()
        if self._cassette.varies:
            return AnswerVaries()
        target = message.get("target")
        what = target if isinstance(target, str) and target else f"{message['op']} of what it returned"
        return Unrecorded(what)


def replay_client(recording: Recording, name: str) -> WorkerClient:
    """Return the client of a reference that is not there, under the reference's name."""
    names = dict(recording.header.names)
    worker = WorkerClient(ReplayTransport(recording), Path(), name, Limits(), names, trusted=True)
    worker.load(())
    return worker


class RecordedForwarder:
    """Answers callback stubs with the recorded call of the same function that has the same arguments.

    A call of one of its `twins`, which return the same for the same arguments, will do. What stays in the other
    worker, such as a cache, goes by its number in the recording. `used` names what was called, `raised` what had no
    answer, and why.
    """

    def __init__(
        self, recording: Recording, seed: int, allowed: Iterable[str], twins: Callable[[str], set[str]]
    ) -> None:
        self.used: set[str] = set()
        self.raised: list[tuple[str, str]] = []
        cassette = recording.cassette(seed)
        self._recording, self._calls = recording, cassette.calls if cassette is not None else []
        self._allowed = frozenset(allowed)
        self._twins = twins
        self._answered: list[Entry] = []

    def __call__(self, message: Message, arrays: list[Array]) -> list[Any]:
        """Return the reply frame to a call; an error reply where no recorded call is like it."""
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

    def _like(self, message: Message, arrays: list[Array]) -> Entry:
        """Return the recorded call, one not yet answered where several are alike; raises LookupError for none."""
        name, ask = message["callback"], fingerprint_request(message, arrays)
        twins = self._twins(name) if name in self._allowed else set()
        likely = [call for call in self._calls if call.ask["callback"] in twins]
        calls = [call for call in likely if agree(call.ask | {"callback": name}, ask, CLOSE)]
        if not calls:
            raise LookupError(name)
        call = next((call for call in calls if call not in self._answered), calls[-1])
        self._answered.append(call)
        return call
