"""Prints of requests: enough of what was asked to know it again on another machine, and none of the arrays themselves.

An array is known by its shape, its size and two random projections, a difference of which shows a difference of any
element. They are compared with a tolerance, since the last bits of an input may depend on the machine.
"""

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

NODES = ("value", "key", "args", "kwargs")
KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float"}
DIGITS = ".12g"
PROJECTIONS = 2


def of_request(message: dict[str, Any], arrays: list[np.ndarray], token: Callable[[Any], Any]) -> dict[str, Any]:
    """The print of a request; `token` gives the name of what a handle in it stands for."""
    kept = {key: value for key, value in message.items() if key not in NODES and key != "target"}
    if "target" in message:
        kept["target"] = {"handle": token(message["target"])}
    return kept | {key: of_node(message[key], arrays, token) for key in NODES if key in message}


def of_node(node: Any, arrays: list[np.ndarray], token: Callable[[Any], Any]) -> Any:
    """The print of a value as it stands in a frame; tuples become lists, and dicts are in the order of their keys."""
    if not isinstance(node, dict):
        return node
    ((form, content),) = node.items()
    if form in ("tuple", "list"):
        return [of_node(item, arrays, token) for item in content]
    if form == "dict":
        pairs = [[of_node(part, arrays, token) for part in pair] for pair in content]
        return {"dict": sorted(pairs, key=lambda pair: json.dumps(pair[0]))}
    if form == "scalar" and np.isfinite(arrays[content]):
        return arrays[content].item()
    if form in ("array", "scalar"):
        return of_array(arrays[content])
    if form == "tensor":
        return {"tensor": of_array(arrays[content[0]])}
    if form in ("handle", "foreign"):
        return {form: token(content)}
    return {form: content}


def of_array(array: np.ndarray) -> dict[str, Any]:
    """Kind and shape, then how many values are not finite, the largest, the length of the rest over it, projections."""
    values = array.astype(np.float64).reshape(-1)
    finite = np.isfinite(values)
    values = np.where(finite, values, 0.0)
    top = float(np.abs(values).max(initial=0.0))
    unit = values / top if top else values
    numbers = [top, float(np.sqrt(unit @ unit)), *(_directions(values.size) @ unit).tolist()]
    rounded = [float(format(number, DIGITS)) for number in numbers]
    return {"array": [KINDS[array.dtype.kind], list(array.shape), int((~finite).sum()), rounded]}


@lru_cache(maxsize=64)
def _directions(size: int) -> np.ndarray:
    return np.random.RandomState(size).standard_normal((PROJECTIONS, size))


def agree(one: Any, other: Any, rel: float) -> bool:
    """Whether two prints are of the same request, floating point numbers within `rel`."""
    if isinstance(one, dict) and isinstance(other, dict):
        if "array" in one and "array" in other:
            return _same_array(one["array"], other["array"], rel)
        return one.keys() == other.keys() and all(agree(value, other[key], rel) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(agree(a, b, rel) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) or isinstance(other, float):
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
        return numbers and abs(one - other) <= rel * max(abs(one), abs(other))
    return type(one) is type(other) and one == other


def _same_array(one: list[Any], other: list[Any], rel: float) -> bool:
    *facts, (top, length, *projections) = one
    *others, (other_top, other_length, *other_projections) = other
    if facts != others or abs(top - other_top) > rel * max(top, other_top):
        return False
    allowed = 4 * rel * max(length, other_length)  # a projection is about as long as what is projected
    pairs = zip([length, *projections], [other_length, *other_projections], strict=True)
    return all(abs(a - b) <= allowed for a, b in pairs)


def handles(node: Any) -> Iterator[Any]:
    """What stands in the handles of a value in a frame, in order."""
    if not isinstance(node, dict):
        return
    ((form, content),) = node.items()
    if form == "handle":
        yield content
    elif form in ("tuple", "list"):
        for item in content:
            yield from handles(item)
    elif form == "dict":
        for pair in content:
            for part in pair:
                yield from handles(part)


def answered(reply: dict[str, Any]) -> list[int]:
    """The numbers of the handles in a worker's reply."""
    return [content[0] for content in handles(reply.get("ok"))]


def renamed(node: Any, name: Callable[[Any], Any]) -> Any:
    """The value with its handles under other names."""
    if not isinstance(node, dict):
        return node
    ((form, content),) = node.items()
    if form == "handle":
        return {form: name(content)}
    if form in ("tuple", "list"):
        return {form: [renamed(item, name) for item in content]}
    if form == "dict":
        return {form: [[renamed(part, name) for part in pair] for pair in content]}
    return node
