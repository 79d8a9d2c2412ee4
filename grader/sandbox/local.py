"""A worker that is no process: for `--debug`, so that breakpoints and prints in student code work. Not for grading."""

import random
from pathlib import Path
from typing import Any

import numpy as np

from .client import Limits, Patience, Worker
from .wire import LENGTH, parse_header
from .worker import Session


class LocalWorker(Worker):
    """Answers requests in the parent's own process, through the same frames; no deadline, no isolation."""

    def __init__(
        self, zygote: Any, package: Path, name: str, seed: int, limits: Limits, patience: Patience | None = None
    ) -> None:
        self.package, self.name, self.limits, self.last_call, self.pid = package, name, limits, None, 0
        self.output = _NoOutput()
        self._session, self._random = Session(), _random_state()
        self.begin(seed)

    def _exchange(self, buffers: list[Any], callee: str) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Student and reference each keep a random stream of their own, as they would in processes of their own."""
        outside = _random_state()
        _set_random_state(self._random)
        try:
            reply = self._session.answer(*_parse(buffers))
        finally:
            self._random = _random_state()
            _set_random_state(outside)
        return _parse(reply)

    def kill(self) -> int:
        return 0


class _NoOutput:
    text = b""


def _parse(buffers: list[Any]) -> tuple[dict[str, Any], list[np.ndarray]]:
    header = parse_header(bytes(buffers[0])[LENGTH.size :])
    filled = iter(buffers[1:])
    arrays = [np.zeros(shape, dtype) for dtype, shape in header.specs]
    for array in arrays:
        if array.nbytes:
            array.reshape(-1).view(np.uint8)[:] = next(filled)
    return header.message, arrays


def _random_state() -> tuple:
    return np.random.get_state(), random.getstate()


def _set_random_state(state: tuple) -> None:
    np.random.set_state(state[0])
    random.setstate(state[1])
