"""Whose doing the objects behind a worker's handles are: the package's, or only of libraries and plain values.

The package's are answered from the record. The rest is computed afresh, for it may come from a student's answer, until
a request brings package and rest together: from then on all that had to do with the rest is the package's doing too.
"""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

from .prints import NODES, handles

WITHOUT_TARGET = ("put", "library")


@dataclass
class Line:
    """One request about things of no package: its print, with the numbers of handles in it, and those it answered."""

    time: int
    ask: dict[str, Any]
    answered: list[int]


@dataclass
class Thing:
    """Objects that may know of each other, as the requests that made and changed them."""

    lines: list[Line] = field(default_factory=list)


def places(message: dict[str, Any]) -> list[Any]:
    """The handles and the paths that a request names, its target first."""
    target = [message["target"]] if "target" in message else []
    return target + [place for key in NODES if key in message for place in handles(message[key])]


class Objects:
    """What is known of the handles of one worker since it was last told to start over."""

    def __init__(self) -> None:
        self._libraries: dict[int, str] = {}
        self._things: dict[int, Thing] = {}
        self._recorded: dict[int, int] = {}
        self._clock = count()

    def of_package(self, message: dict[str, Any]) -> bool:
        """Whether the package has a part in a request."""
        if "target" not in message and message["op"] not in WITHOUT_TARGET:
            return True
        return any(not isinstance(place, int) or place in self._recorded for place in places(message))

    def token(self, place: Any) -> Any:
        """The name of a handle or path in a print; the same wherever the check is run."""
        return f"library {self._libraries[place]}" if place in self._libraries else self._recorded.get(place, place)

    def record(self, place: int, number: int) -> None:
        """Notes that an object is the package's doing, under its number in the record."""
        self._recorded[place] = number

    def note(self, message: dict[str, Any], ask: dict[str, Any], answered: list[int]) -> None:
        """Notes a request in which the package had no part, its print and the handles it answered."""
        target = message.get("target")
        if message["op"] == "library":
            self._libraries[answered[0]] = message["name"]
            return
        if message.get("how") == "attribute" and message["op"] == "get" and target in self._libraries:
            self._libraries |= dict.fromkeys(answered, f"{self._libraries[target]}.{message['key']}")
            return
        parts = {id(thing): thing for thing in map(self._things.get, places(message)) if thing is not None}
        thing = Thing(sorted((line for part in parts.values() for line in part.lines), key=lambda line: line.time))
        thing.lines.append(Line(next(self._clock), ask, answered))
        self._things |= {place: thing for line in thing.lines for place in line.answered}

    def things(self, message: dict[str, Any]) -> list[Thing]:
        """What has been of no package so far and has its part in a request together with the package."""
        found = map(self._things.get, places(message))
        return list({id(thing): thing for thing in found if thing is not None}.values())

    def hand_over(self, thing: Thing) -> tuple[list[Any], list[int]]:
        """The prints of a thing's requests and all handles they answered, in order; they are no longer known here."""
        answered = [place for line in thing.lines for place in line.answered]
        rank = {place: f"own {number}" for number, place in enumerate(answered)}
        for place in answered:
            del self._things[place]
        asks = [_with_ranks(line.ask, rank) for line in thing.lines]
        return asks, answered


def _with_ranks(node: Any, rank: dict[Any, str]) -> Any:
    """A print in which handles have their ranks within the thing as names."""
    if isinstance(node, list):
        return [_with_ranks(item, rank) for item in node]
    if isinstance(node, dict):
        return {
            key: rank.get(value, value) if key == "handle" else _with_ranks(value, rank) for key, value in node.items()
        }
    return node
