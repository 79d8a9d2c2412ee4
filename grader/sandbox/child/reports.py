"""Reports beside an answer: exceptions in a student's code, and the arguments that a call changed."""

import linecache
import sys
import traceback
import types
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...limits import (
    CHANGE_KEY_CHARACTERS,
    CHANGE_LEVELS,
    CHANGE_OBJECTS,
    CHANGES,
    MESSAGE_CHARACTERS,
    TRACEBACK_FRAMES,
)


def exception_report(error: BaseException, root: Path | None, package: str) -> dict[str, Any]:
    """Return the report of an exception; frames outside the package are left out, a syntax error counts as a frame."""
    frames = [] if root is None else _own_frames(error, root, package)
    if len(frames) > 2 * TRACEBACK_FRAMES:
        frames[TRACEBACK_FRAMES:-TRACEBACK_FRAMES] = []
    return {"type": _text(type(error).__name__), "message": _text(_sentence(error)), "frames": frames}


def _own_frames(error: BaseException, root: Path, package: str) -> list[dict[str, Any]]:
    frames = []
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if code.co_filename.startswith(f"{root}/") or code.co_filename.startswith(f"{root}\\"):
            frames.append(_frame(Path(code.co_filename), line, code.co_qualname, root))
    if isinstance(error, SyntaxError) and error.filename is not None and error.filename.startswith(str(root)):
        frames.append(_frame(Path(error.filename), error.lineno or 0, "<module>", root))
    return frames


def _frame(file: Path, line: int, function: str, root: Path) -> dict[str, Any]:
    relative = file.relative_to(root)
    return {
        "file": _text(relative.as_posix()),
        "line": line,
        "function": _text(".".join([*relative.with_suffix("").parts, function])),
        "text": _text(linecache.getline(str(file), line).strip()),
    }


def _sentence(error: BaseException) -> str:
    try:
        return error.msg if isinstance(error, SyntaxError) and error.msg else str(error)
    except BaseException:
        return "(its message cannot be shown)"


def _text(value: str) -> str:
    return str(value)[:MESSAGE_CHARACTERS]


ATOMS = (type(None), bool, int, float, complex, str, bytes, np.generic, type, types.ModuleType, types.FunctionType)

Way = tuple[int | str, ...]


class Fingerprints:
    """Fingerprints of all arrays and tensors in the arguments of a call, taken before it.

    Tuples, lists, dicts and the attributes of objects are searched, so that what a cache holds is found too. The arrays
    themselves are kept: to replace an entry of a dict is no change in place.
    """

    def __init__(self, arguments: list[Any], keywords: dict[str, Any]) -> None:
        found = _arrays([*enumerate(arguments), *keywords.items()])
        self._taken = [(path, array, _fingerprint(array)) for path, array in found]

    def changed(self) -> list[Way]:
        """Return the ways to the arrays that differ now: position or name of the argument, then indices and keys."""
        return [path for path, array, taken in self._taken if _fingerprint(array) != taken][:CHANGES]


def _arrays(entries: list[tuple[Any, Any]]) -> Iterator[tuple[Way, Any]]:
    """Find each array once, by the shortest way."""
    seen: set[int] = set()
    level: list[tuple[Way, Any]] = [((_key(key),), value) for key, value in entries]
    for _ in range(CHANGE_LEVELS):
        below: list[tuple[Way, Any]] = []
        for path, value in level:
            if isinstance(value, ATOMS) or id(value) in seen or len(seen) >= CHANGE_OBJECTS:
                continue
            seen.add(id(value))
            if isinstance(value, np.ndarray) or _is_tensor(value):
                yield path, value
            else:
                below += [((*path, _key(key)), part) for key, part in _parts(value)]
        level = below


def _parts(value: Any) -> list[tuple[Any, Any]]:
    """List what a container or an object holds; nothing of the object's own is called."""
    if isinstance(value, (tuple, list)):
        return list(enumerate(value))
    if isinstance(value, dict):
        return list(dict.items(value))
    try:
        return list(object.__getattribute__(value, "__dict__").items())
    except (AttributeError, TypeError):
        return []


def _key(key: Any) -> int | str:
    return key if type(key) is int else str(key)[:CHANGE_KEY_CHARACTERS] if isinstance(key, str) else type(key).__name__


def _fingerprint(array: Any) -> Any:
    """Summarize dtype, shape and bytes; None for what holds no plain numbers, such as a sparse tensor."""
    try:
        values = np.asarray(array.detach().cpu().numpy() if _is_tensor(array) else array)
        if values.dtype.hasobject:
            return None
        flat = np.ascontiguousarray(values).reshape(-1)
        return values.dtype.str, values.shape, zlib.crc32(flat.view(np.uint8).data) if flat.size else 0
    except Exception:
        return None


def _is_tensor(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
