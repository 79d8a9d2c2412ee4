"""The reference's worker where its answers are recorded: asks for the package are answered from the tape of the check.

What has no part of the package, such as a network that the check builds itself, is computed in a worker that holds an
empty package, because its inputs may come from a student's answer.
"""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import NotScored, Unrecorded
from ..sandbox.parent.client import WorkerClient
from ..sandbox.parent.transport import Deadline, Frame, Reply
from ..sandbox.wire import Encoder, unpack
from . import prints
from .objects import Objects, Thing
from .tape import Entry, Recording, Tape

NOTHING = Path(__file__).with_name("nothing")
LIVE = 1 << 20  # from here on up are the numbers of handles that are not on the tape
SAME = 1e-9
MISSING = "the recorded answers do not belong to these checks ({}); take them and the checks from the same download"
VARIES = (
    "can only be judged where the reference is: what it is asked depends on your answer; it counts when you hand in"
)


class Player:
    """Finds answers on one tape: those to acts, which may change something, in order, those to looks whenever asked."""

    def __init__(self, recording: Recording, tape: Tape | None) -> None:
        self._recording, self._tape, self.objects = recording, tape, Objects()
        self._acts: list[Entry] = []
        self._looks: list[list[Entry]] = [[]]
        for entry in tape.entries if tape else ():
            if entry.looks:
                self._looks[-1].append(entry)
            else:
                self._acts.append(entry)
                self._looks.append([])
        self._done = 0

    def answer(self, message: dict[str, Any], arrays: list[np.ndarray]) -> Reply:
        """The recorded reply; raises Unrecorded, or NotScored, where there is none to this request."""
        entry = self._find(message, arrays)
        self._done += not entry.looks
        for number in prints.answered(entry.reply):
            self.objects.record(number, number)
        return entry.reply, [self._recording.arrays[number] for number in entry.arrays]

    def _find(self, message: dict[str, Any], arrays: list[np.ndarray]) -> Entry:
        things = self.objects.things(message)
        if self._tape is None:
            raise Unrecorded(MISSING.format("there are none to this check"))
        candidates = self._acts[self._done : self._done + 1] + (self._looks[self._done] if not things else [])
        if things and (not candidates or not self._join(things, candidates[0])):
            candidates = []
        ask = prints.of_request(message, arrays, self.objects.token)
        for entry in candidates:
            if len(entry.joined) == len(things) and prints.agree(entry.ask, ask, SAME):
                return entry
        if self._tape.varies:
            raise NotScored(VARIES)
        raise Unrecorded(MISSING.format(f"{_what(message)} was asked with other inputs"))

    def _join(self, things: list[Thing], entry: Entry) -> bool:
        """Gives things their numbers on the tape, where they were made as they were when it was recorded."""
        if len(things) != len(entry.joined):
            return False
        for thing, wanted in zip(things, entry.joined, strict=True):
            asks, answered = self.objects.hand_over(thing)
            if len(answered) != len(wanted.numbers) or not prints.agree(asks, wanted.asks, SAME):
                return False
            for place, number in zip(answered, wanted.numbers, strict=True):
                self.objects.record(place, number)
        return True


class ReplayTransport:
    """The way to a reference that is not there; `live` starts a worker of an empty package with a seed, at first need.

    Each `reset` begins with the tape of the check that has this seed.
    """

    process = None

    def __init__(self, recording: Recording, live: Callable[[int], WorkerClient]) -> None:
        self._recording, self._start_live = recording, live
        self._live: WorkerClient | None = None
        self._posted: deque[Frame] = deque()
        self._begin(0)

    def connect(self) -> None:
        """Do nothing; the answers are here."""

    def post(self, frame: Frame) -> None:
        """Keep a request until its reply is asked for."""
        self._posted.append(frame)

    def receive(self, deadline: Deadline) -> Reply:
        """Answer the next of the requests that were posted."""
        return self.exchange(self._posted.popleft(), deadline)

    def exchange(self, frame: Frame, deadline: Deadline) -> Reply:
        """Answer from the tape what has to do with the package, and all else from the worker of an empty one."""
        message, arrays = unpack(frame)
        if message["op"] == "load":
            return {"ok": None}, []
        if message["op"] == "reset":
            self._begin(message["seed"])
            return {"ok": None}, []
        if message["op"] == "seed":
            return self._seed_generators(message, arrays, deadline)
        if self._player.objects.of_package(message):
            return self._player.answer(message, arrays)
        reply = self._forward(message, arrays, deadline)
        ask = prints.of_request(message, arrays, self._player.objects.token)
        if "ok" in reply[0]:
            self._player.objects.note(message, ask, prints.answered(reply[0]))
        return reply

    def close(self, wait: bool = True) -> None:
        """End the worker of an empty package, where one was started."""
        if self._live is not None:
            (self._live.kill if wait else self._live.dismiss)()

    def _seed_generators(self, message: dict[str, Any], arrays: list[np.ndarray], deadline: Deadline) -> Reply:
        if not self._fresh:
            return self._forward(message, arrays, deadline)
        self._seed = message["seed"]
        return {"ok": None}, []

    def _begin(self, seed: int) -> None:
        self._seed, self._fresh = seed, True
        self._player = Player(self._recording, self._recording.tape(seed))

    def _forward(self, message: dict[str, Any], arrays: list[np.ndarray], deadline: float) -> Reply:
        """Have a request carried out in that worker, whose handles are known here by higher numbers."""
        live = self._live_worker()
        encoder = Encoder(lambda value, encoder: None)
        encoder.arrays.extend(arrays)
        names = {key: prints.renamed(message[key], lambda n: n - LIVE) for key in prints.NODES if key in message}
        if "target" in message:
            names["target"] = message["target"] - LIVE
        reply, arrays = live.transport.exchange(encoder.frame(message | names), deadline)
        if "ok" in reply:
            reply = {"ok": prints.renamed(reply["ok"], lambda content: [content[0] + LIVE, *content[1:]])}
        return reply, arrays

    def _live_worker(self) -> WorkerClient:
        if self._live is None or not self._live.alive:
            self._live = self._start_live(self._seed)
        elif self._fresh:
            self._live.reset(self._seed)
        self._fresh = False
        return self._live


def _what(message: dict[str, Any]) -> str:
    """What was asked for, in words."""
    target = message.get("target")
    return target if isinstance(target, str) and target else f"{message['op']} of what it returned"
