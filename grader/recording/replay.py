"""The recorded reference: a transport that answers a check's requests, and what answers its callbacks."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..errors import AnswerVaries, Unrecorded
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.transport import Deadline, Frame, ImmediateTransport, Reply
from ..sandbox.policy import WorkerLimits
from ..sandbox.wire import Encoder, unpack_frame
from .cassette import Array, Entry, Message, RecordedAnswers, agree, fingerprint_request

SAME = 1e-9
CLOSE = 1e-6  # a student's code may compute what it passes on in another order


class ReplayTransport(ImmediateTransport):
    """The way to a reference that is not there; each `reset` begins with the cassette of the check with this seed.

    Requests that change something have to come in the order of the cassette, looks before the next of them.
    """

    def __init__(self, answers: RecordedAnswers) -> None:
        super().__init__()
        self._answers = answers
        self._begin(0)

    def _begin(self, seed: int) -> None:
        self._cassette, self._position = self._answers.cassette(seed), 0

    def exchange(self, frame: Frame, deadline: Deadline) -> Reply:
        """Answer a request from the cassette. Raise Unrecorded or AnswerVaries where it is not on it."""
        message, arrays = unpack_frame(frame)
        if message["op"] == "reset":
            self._begin(message["seed"])
        if message["op"] in ("load", "reset", "seed"):
            return {"ok": None}, []
        entry = self._find(fingerprint_request(message, arrays))
        if entry is None:
            raise self._missing(message)
        return entry.reply, [self._answers.arrays[number].copy() for number in entry.arrays]  # a check may change them

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


def make_replay_client(answers: RecordedAnswers, name: str) -> WorkerClient:
    """Return the client of a reference that is not there, under the reference's name."""
    names = dict(answers.header.names)
    worker = WorkerClient(ReplayTransport(answers), Path(), name, WorkerLimits(), names, trusted=True)
    worker.load(())
    return worker


class RecordedForwarder:
    """Answers callbacks with the recorded call of the same function that has the same arguments.

    A call of an equivalent function, which returns the same for the same arguments, will do. What stays in the other
    worker, such as a cache, goes by its recorded number. `used` names what was called, `raised` what had no
    answer, and why.
    """

    def __init__(
        self, answers: RecordedAnswers, seed: int, allowed: Iterable[str], equivalents: Callable[[str], set[str]]
    ) -> None:
        self.used: set[str] = set()
        self.raised: list[tuple[str, str]] = []
        cassette = answers.cassette(seed)
        self._answers, self._calls = answers, cassette.calls if cassette is not None else []
        self._allowed = frozenset(allowed)
        self._equivalents = equivalents
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
        encoder.arrays.extend(self._answers.arrays[number] for number in call.arrays)
        return encoder.frame(call.reply)

    def seed(self, seed: int) -> None:
        """Do nothing; nothing is drawn where everything is recorded."""

    def _like(self, message: Message, arrays: list[Array]) -> Entry:
        """Return the recorded call, one not yet answered where several are alike. Raise LookupError for none."""
        name, ask = message["callback"], fingerprint_request(message, arrays)
        equivalents = self._equivalents(name) if name in self._allowed else set()
        likely = [call for call in self._calls if call.ask["callback"] in equivalents]
        calls = [call for call in likely if agree(call.ask | {"callback": name}, ask, CLOSE)]
        if not calls:
            raise LookupError(name)
        call = next((call for call in calls if call not in self._answered), calls[-1])
        self._answered.append(call)
        return call
