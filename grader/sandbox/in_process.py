"""The way to a worker that is no process: for `--debug`, so that breakpoints and prints in student code work."""

import random
from collections import deque
from typing import Any

import numpy as np

from .transport import Deadline, Frame, Reply
from .wire import unpack
from .worker import Session


class InProcessTransport:
    """Answers in the parent's own process, through the same frames; no deadline, no isolation, not for grading.

    Student and reference keep a random stream each, as processes of their own would.
    """

    process = None

    def __init__(self) -> None:
        self._session, self._random = Session(), _random_state()
        self._posted: deque[Frame] = deque()

    def connect(self) -> None:
        """Do nothing; both ends are here."""

    def post(self, frame: Frame) -> None:
        """Keep a request until its reply is asked for, so that a breakpoint in it comes when it is expected."""
        self._posted.append(frame)

    def receive(self, deadline: Deadline) -> Reply:
        """Answer the next of the requests that were posted."""
        return self.exchange(self._posted.popleft(), deadline)

    def exchange(self, frame: Frame, deadline: Deadline) -> Reply:
        """Answer a request, on this side's random stream."""
        outside = _random_state()
        _set_random_state(self._random)
        try:
            return unpack(self._session.answer(*unpack(frame)))
        finally:
            self._random = _random_state()
            _set_random_state(outside)

    def close(self, wait: bool = True) -> None:
        """Do nothing; there is no process to end."""


def _random_state() -> tuple[Any, Any]:
    return np.random.get_state(), random.getstate()


def _set_random_state(state: tuple[Any, Any]) -> None:
    np.random.set_state(state[0])
    random.setstate(state[1])
