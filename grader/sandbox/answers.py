"""Reading a worker's answer: a value, or a report of what was raised. Nothing in it is believed to be well formed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import StackFrame, StudentRaised
from .side_effects import MAX_CHANGES, MAX_DEPTH, MAX_KEY, Way
from .wire import Decoder, WireError

MAX_TEXT = 400


def read(message: dict[str, Any], arrays: list[np.ndarray], special: Callable[[str, Any], Any], callee: str) -> Any:
    """The value of an answer; raises StudentRaised when it is an error, WireError when it cannot be read."""
    try:
        if "error" not in message:
            return Decoder(arrays, special).value(message.get("ok"))
        raise _raised(message["error"], callee)
    except (TypeError, KeyError, ValueError, OverflowError, RecursionError):
        raise WireError("an answer that cannot be read") from None


def changes(message: dict[str, Any]) -> list[Way]:
    """Return the ways to the arguments that a call changed in place; raises WireError when they cannot be read."""
    found = message.get("changed", [])
    if not isinstance(found, list) or len(found) > MAX_CHANGES:
        raise WireError("a report of changed arguments that is not one")
    return [_way(way) for way in found]


def _way(way: Any) -> Way:
    if not isinstance(way, list) or not 0 < len(way) <= MAX_DEPTH or not all(type(key) in (int, str) for key in way):
        raise WireError("a changed argument that cannot be found")
    return tuple(key if type(key) is int else _text(key)[:MAX_KEY] for key in way)


def _frame(found: dict[str, Any]) -> StackFrame:
    return StackFrame(_text(found["file"]), int(found["line"]), _text(found["function"]), _text(found["text"]))


def _raised(error: dict[str, Any], callee: str) -> StudentRaised:
    frames = [
        StackFrame(_text(f["file"]), int(f["line"]), _text(f["function"]), _text(f["text"])) for f in error["frames"]
    ]
    return StudentRaised(callee, _text(error["message"]), frames, _text(error["type"]))


def _text(value: Any) -> str:
    """Words from a worker, cut short and without what no report could hold, such as half a surrogate pair."""
    return "".join(c for c in str(value)[:MAX_TEXT] if c.isprintable() or c == "\n")
