"""Fingerprints of requests: enough to recognize a request on another machine, and none of the arrays in it.

An array is known by its shape, its size and two random projections, a difference of which shows a difference of any
element. They are compared with a tolerance, since the last bits of an input may depend on the machine.
"""

import json
from functools import lru_cache
from typing import Any

import numpy as np

NODES = ("value", "key", "args", "kwargs")
KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float"}
DIGITS = ".12g"
PROJECTIONS = 2

Array = np.ndarray[Any, Any]
Message = dict[str, Any]


def fingerprint_request(message: Message, arrays: list[Array]) -> Message:
    """Return the fingerprint of a request; handles and paths stand in it as they are."""
    return {key: fingerprint_node(value, arrays) if key in NODES else value for key, value in message.items()}


def fingerprint_node(node: Any, arrays: list[Array]) -> Any:
    """Return the fingerprint of a value in a frame; tuples become lists, and dicts are in the order of their keys."""
    if not isinstance(node, dict):
        return node
    ((form, content),) = node.items()
    if form in ("tuple", "list"):
        return [fingerprint_node(item, arrays) for item in content]
    if form == "dict":
        pairs = [[fingerprint_node(part, arrays) for part in pair] for pair in content]
        return {"dict": sorted(pairs, key=lambda pair: json.dumps(pair[0]))}
    if form == "scalar" and np.isfinite(arrays[content]):
        return arrays[content].item()
    if form in ("array", "scalar"):
        return fingerprint_array(arrays[content])
    if form == "tensor":
        return {"tensor": fingerprint_array(arrays[content[0]])}
    return {form: content}


def fingerprint_array(array: Array) -> dict[str, Any]:
    """Return kind, shape, how many values are not finite, the largest, the length of the rest over it, projections."""
    values = array.astype(np.float64).reshape(-1)
    finite = np.isfinite(values)
    values = np.where(finite, values, 0.0)
    top = float(np.abs(values).max(initial=0.0))
    unit = values / top if top else values
    numbers = [top, float(np.sqrt(unit @ unit)), *(_directions(values.size) @ unit).tolist()]
    rounded = [float(format(number, DIGITS)) for number in numbers]
    return {"array": [KINDS[array.dtype.kind], list(array.shape), int((~finite).sum()), rounded]}


@lru_cache(maxsize=64)
def _directions(size: int) -> Array:
    return np.random.RandomState(size).standard_normal((PROJECTIONS, size))


def agree(one: Any, other: Any, rel: float) -> bool:
    """Return whether two fingerprints are of the same request, floating point numbers within `rel`."""
    if isinstance(one, dict) and isinstance(other, dict):
        if "array" in one and "array" in other:
            return _same_array(one["array"], other["array"], rel)
        return one.keys() == other.keys() and all(agree(value, other[key], rel) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(agree(a, b, rel) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) or isinstance(other, float):
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
        return numbers and abs(one - other) <= rel * max(abs(one), abs(other))
    return type(one) is type(other) and bool(one == other)


def _same_array(one: list[Any], other: list[Any], rel: float) -> bool:
    *facts, (top, length, *projections) = one
    *others, (other_top, other_length, *other_projections) = other
    if facts != others or abs(top - other_top) > rel * max(top, other_top):
        return False
    allowed = 4 * rel * max(length, other_length)  # a projection is about as long as what is projected
    pairs = zip([length, *projections], [other_length, *other_projections], strict=True)
    return all(abs(a - b) <= allowed for a, b in pairs)
