"""Read a worker's replies, and its end, as a value or an error. Nothing is believed to be well formed."""

import re
import signal
from collections.abc import Callable
from typing import Any

import numpy as np

from ...errors import Attempt, Ending, StackFrame, WorkerCrashed, WorkerEnded, WorkerRaised, WorkerTimeout
from ...limits import CHANGE_KEY_CHARACTERS, CHANGE_LEVELS, CHANGES, MESSAGE_CHARACTERS
from ..child.reports import Way
from ..wire import Decoder, WireError

QUOTED_FOLDERS = re.compile(r"""(?<!\w)(['"])(?:[A-Za-z]:)?[^'"]*[\\/](?=[^'"\\/]+\1)""")
FOLDERS = re.compile(r"(?<![\w.'\"])(?:[A-Za-z]:)?(?:[\\/][^\\/\s'\":]*)*[\\/](?=[^\\/\s])")


def decode_reply(
    message: dict[str, Any], arrays: list[np.ndarray], special: Callable[[str, Any], Any], callee: str
) -> Any:
    """Return the value of an answer. Raise WorkerRaised when it is an error, WireError when it cannot be read."""
    try:
        if "error" not in message:
            return Decoder(arrays, special).value(message.get("ok"))
        raise _decode_error(message["error"], callee)
    except (TypeError, KeyError, ValueError, OverflowError, RecursionError):
        raise WireError("an answer that cannot be read") from None


def decode_changes(message: dict[str, Any]) -> list[Way]:
    """Return the ways to the arguments that a call changed in place. Raise WireError when they cannot be read."""
    found = message.get("changed", [])
    if not isinstance(found, list) or len(found) > CHANGES:
        raise WireError("a report of changed arguments that is not one")
    return [_decode_way(way) for way in found]


def read_frames(frames: Any) -> list[StackFrame]:
    """Return the lines that a worker reports. Raise WireError when they cannot be read."""
    try:
        return [StackFrame(_text(f["file"]), int(f["line"]), _text(f["function"]), _text(f["text"])) for f in frames]
    except (TypeError, KeyError, ValueError, OverflowError):
        raise WireError("lines that cannot be read") from None


def _decode_way(way: Any) -> Way:
    if (
        not isinstance(way, list)
        or not 0 < len(way) <= CHANGE_LEVELS
        or not all(type(key) in (int, str) for key in way)
    ):
        raise WireError("a changed argument that cannot be found")
    return tuple(key if type(key) is int else _text(key)[:CHANGE_KEY_CHARACTERS] for key in way)


def _decode_error(error: dict[str, Any], callee: str) -> WorkerRaised:
    attempt = error.get("attempt")
    known = Attempt(attempt) if attempt in set(Attempt) else None
    frames = read_frames(error["frames"])
    raised = WorkerRaised(callee, _text(error["message"]), frames, _text(error["type"]), known)
    raised.holder, raised.near = _text(error.get("holder", "")), _text(error.get("near", ""))
    raised.shapes = _text(error.get("shapes", ""))
    odd = error.get("odd")
    if isinstance(odd, list) and len(odd) == 2:
        raised.odd = _text(odd[0]), _text(odd[1])
    return raised


def _text(value: Any) -> str:
    """Words from a worker, cut short and without what no report could hold, such as half a surrogate pair."""
    return "".join(c for c in str(value)[:MESSAGE_CHARACTERS] if c.isprintable() or c == "\n")


def read_wait_status(status: int | None, callee: str, cpu_seconds: int) -> WorkerEnded:
    """Return the error that a wait status means for what ran meanwhile; None if only the connection was closed."""
    if status is None:
        return WorkerCrashed(callee, Ending.HUNG_UP)
    name = _signal_name(status)
    if name == "SIGXCPU":
        return WorkerTimeout(callee, Ending.OUT_OF_CPU_TIME, cpu_seconds)
    if name == "SIGKILL":
        return WorkerTimeout(callee, Ending.KILLED, cpu_seconds)
    return WorkerCrashed(callee, Ending.SIGNALLED, name) if name else WorkerCrashed(callee, Ending.EXITED, status >> 8)


def _signal_name(status: int) -> str:
    """Return the name of the signal in a wait status; empty where there is none."""
    number = status & 0x7F
    return signal.Signals(number).name if number in set(signal.Signals) else str(number or "")


def read_last_words(output: str, status: int | None) -> str:
    """Return the last line of a process that has ended, its files without their folders, or how it ended."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    if lines:
        return FOLDERS.sub("", QUOTED_FOLDERS.sub(r"\1", lines[-1]))[:MESSAGE_CHARACTERS].rstrip(".")
    name = _signal_name(status or 0)
    return f"it was ended by signal {name}" if name else f"it ended by itself with exit status {(status or 0) >> 8}"
