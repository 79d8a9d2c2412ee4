"""Report the arguments that a call changed in place."""

import sys
import types
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...limits import (
    CHANGE_KEY_CHARACTERS,
    CHANGE_LEVELS,
    CHANGE_OBJECTS,
    CHANGES,
)

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
