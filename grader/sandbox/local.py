"""A worker that is no process: for `--debug`, so that breakpoints and prints in student code work. Not for grading."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .client import Limits, Worker
from .wire import Header, unpack
from .worker import Session


class LocalWorker(Worker):
    """Answers requests in the parent's own process, through the same frames; no deadline, no isolation."""

    pid = 0

    def __init__(
        self,
        zygote: Any,
        package: Path,
        name: str,
        limits: Limits,
        *unused: Any,
        named: Any = None,
        trusted: bool = False,
        aliases: Sequence[str] = (),
    ) -> None:
        self._prepare(package, name, limits, named)
        self._aliases = list(aliases)
        self.trusted = trusted
        self._channel, self.output = LocalChannel(), NoOutput()

    def start(self, seed: int) -> None:
        """Loads the package and seeds; only now, so that a breakpoint in it comes when it is expected."""
        place = {"path": str(self.package), "name": self.name, "aliases": self._aliases}
        self.request("begin", self.name, **place, modules=[], bytecode="", libraries=[])
        self.request("seed", self.name, seed=seed)

    def kill(self) -> int:
        """There is no process to end."""
        return 0

    def dismiss(self) -> None:
        """There is no process to end."""


class LocalChannel:
    """Answers each frame at once; student and reference keep a random stream each, as processes of their own would."""

    def __init__(self) -> None:
        self._session, self._random, self._reply = Session(self), _random_state(), []

    def send(self, buffers: list[Any], deadline: float | None = None) -> None:
        """Answers the frame, on this side's random stream."""
        outside = _random_state()
        _set_random_state(self._random)
        try:
            header, arrays = unpack(buffers)
            self._reply = self._session.answer(header.message, arrays)
        finally:
            self._random = _random_state()
            _set_random_state(outside)

    def wait(self, deadline: float | None = None) -> None:
        """The answer is there already."""

    def receive(self, deadline: float | None = None) -> tuple[Header, list[np.ndarray]]:
        """Returns the answer."""
        return unpack(self._reply)


class NoOutput:
    """What was printed went to the terminal already."""

    def take(self) -> str:
        """Nothing was kept."""
        return ""


def _random_state() -> tuple:
    return np.random.get_state(), random.getstate()


def _set_random_state(state: tuple) -> None:
    np.random.set_state(state[0])
    random.setstate(state[1])
