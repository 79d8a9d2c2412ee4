"""Stand in for the reference: answer from recorded answers or from a memo of earlier runs, and callbacks also live."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import AnswerVaries, Unrecorded
from ..limits import MEMO_BYTES
from ..sandbox.parent.client import Named, WorkerClient
from ..sandbox.parent.proxy import Forwarder
from ..sandbox.parent.transport import Frame, Reply, Transport
from ..sandbox.policy import WorkerLimits
from ..sandbox.wire import Deadline, Decoder, Encoder, unpack_frame
from .cassette import Array, Entry, Message, RecordedAnswers, agree, fingerprint_request

SAME = 1e-9
CLOSE = 1e-6  # a student's code may compute what it passes on in another order

Key = tuple[tuple[str, ...], int]
SETTING_UP = ("load", "reset")  # a live worker does both when it is brought up


class ReplayTransport(Transport):
    """The way to a reference that is not there; each `reset` begins with the cassette of the check with this seed.

    Requests that change something have to come in the order of the cassette, looks before the next of them.
    """

    def __init__(self, answers: RecordedAnswers) -> None:
        super().__init__()
        self._answers = answers
        self._begin(0)

    def _begin(self, seed: int) -> None:
        self._cassette, self._position = self._answers.cassette(seed), 0

    def answer(self, frame: Frame, deadline: Deadline) -> Reply:
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


@dataclass
class ReferenceMemo:
    """The requests that the reference got after each reset, by libraries and seed, each with its reply.

    `called` are the functions that it calls in a check, by the check.
    """

    called: dict[str, set[str]] = field(default_factory=dict)
    sequences: dict[Key, list[tuple[bytes, Reply]]] = field(default_factory=dict)
    held: int = 0

    def add(self, key: Key, digest: bytes, reply: Reply) -> bool:
        """Remember the next request of a sequence; return whether there is room for it."""
        self.held += sum(array.nbytes for array in reply[1])
        if self.held > MEMO_BYTES:
            return False
        self.sequences.setdefault(key, []).append((digest, _copy(reply)))
        return True


class MemoTransport(Transport):
    """The way to a reference that is brought up only once it is asked what nobody has asked after the same requests.

    It then gets the requests since the last reset first, so that it is in the state in which they left it.
    """

    def __init__(self, memo: ReferenceMemo, libraries: tuple[str, ...], launch: Callable[[int], WorkerClient]) -> None:
        super().__init__()
        self._memo, self._libraries, self._launch = memo, libraries, launch
        self._live: WorkerClient | None = None
        self.named: Named = {}  # asked for anew after each reset, so that the same requests come in each run
        self._begin(0)

    def _begin(self, seed: int) -> None:
        self._seed, self._asked, self._is_level, self._recorded = seed, list[Frame](), False, True
        self.named.clear()

    @property
    def _key(self) -> Key:
        return self._libraries, self._seed

    def answer(self, frame: Frame, deadline: Deadline) -> Reply:
        """Answer a request as it was answered before; else ask the live reference, and remember what it says."""
        message, _ = unpack_frame(frame)
        if message["op"] == "reset":
            self._begin(message["seed"])
        if message["op"] in SETTING_UP:
            return {"ok": None}, []
        frame = [bytes(part) for part in frame]  # a check may change the arrays that it sent
        digest, place = hashlib.blake2b(b"".join(frame), digest_size=16).digest(), len(self._asked)
        known = self._memo.sequences.get(self._key, [])
        self._asked.append(frame)
        if self._recorded and place < len(known) and known[place][0] == digest:
            self._is_level = False
            return _copy(known[place][1])
        reply = self._ask_live(frame, deadline)
        at_end = self._recorded and place == len(known)
        self._recorded = at_end and self._memo.add(self._key, digest, reply)
        return reply

    def _ask_live(self, frame: Frame, deadline: Deadline) -> Reply:
        if self._live is None:
            self._live = self._launch(self._seed)
        elif not self._is_level:
            self._live.reset(self._seed)
        transport = self._live.transport
        for one in [frame] if self._is_level else self._asked:
            transport.send(one, deadline)
            reply = transport.receive(deadline)
            while "late" in reply[0]:
                reply = transport.receive(deadline)
        self._is_level = True
        return reply

    def close(self) -> None:
        """End the live reference, where there is one."""
        if self._live is not None:
            self._live.transport.close()
            self._live = None


def _copy(reply: Reply) -> Reply:
    """Return a reply with arrays of its own: a check may change them."""
    message, arrays = reply
    return message, [array.copy() for array in arrays]


class RecordedForwarder(Forwarder):
    """Answers callbacks with the recorded call of the same function that has the same arguments.

    A call of an equivalent function, which returns the same for the same arguments, will do. What stays in the other
    worker, such as a cache, goes by its recorded number.
    """

    def __init__(
        self, answers: RecordedAnswers, seed: int, allowed: Iterable[str], equivalents: Callable[[str], set[str]]
    ) -> None:
        super().__init__(allowed)
        cassette = answers.cassette(seed)
        self._answers, self._calls = answers, cassette.calls if cassette is not None else []
        self._equivalents = equivalents
        self._answered: list[Entry] = []

    def answer(self, message: Message, arrays: list[Array]) -> list[Any]:
        """Return the reply frame to a call. Raise LookupError where no recorded call is like it."""
        encoder, call = Encoder(lambda value, encoder: None), self._like(message, arrays)
        self.used.add(message["callback"])
        encoder.arrays.extend(self._answers.arrays[number] for number in call.arrays)
        return encoder.frame(call.reply)

    def _like(self, message: Message, arrays: list[Array]) -> Entry:
        """Return the recorded call, one not yet answered where several are alike. Raise LookupError for none."""
        name, ask = message["callback"], fingerprint_request(message, arrays)
        equivalents = self._equivalents(name) if name in self.allowed else set()
        likely = [call for call in self._calls if call.ask["callback"] in equivalents]
        calls = [call for call in likely if agree(call.ask | {"callback": name}, ask, CLOSE)]
        if not calls:
            raise LookupError(name)
        call = next((call for call in calls if call not in self._answered), calls[-1])
        self._answered.append(call)
        return call


class CallForwarder(Forwarder):
    """Answers callbacks with another worker's package, live."""

    def __init__(self, package: Any, allowed: Iterable[str]) -> None:
        super().__init__(allowed)
        self.package = package
        self._kept: list[Any] = []

    def seed(self, seed: int) -> None:
        """Seed the generators of the other package's worker."""
        self.package.seed(seed)

    def answer(self, message: Message, arrays: list[Array]) -> list[Any]:
        """Return the reply frame to a call. Raise LookupError for what is not allowed, and what the package raises."""
        name = message["callback"]
        if name not in self.allowed:
            raise LookupError(name)
        decoder = Decoder(arrays, lambda form, content: self._kept[content])
        arguments, keywords = decoder.value(message["args"]), decoder.value(message["kwargs"])
        boxes = {place: self.package.put(value) for place, value in enumerate(arguments) if isinstance(value, dict)}
        self.used.add(name)
        function = self.package
        for part in name.split("."):
            function = getattr(function, part)
        result = function(*[boxes.get(place, value) for place, value in enumerate(arguments)], **keywords)
        dicts = [(place, self.package.fetch(box)) for place, box in boxes.items()]
        encoder = Encoder(self._keep)
        return encoder.frame({"ok": encoder.node(result), "dicts": encoder.node(dicts)})

    def _keep(self, value: Any, encoder: Encoder) -> Any:
        self._kept.append(value)
        return {"opaque": len(self._kept) - 1}
