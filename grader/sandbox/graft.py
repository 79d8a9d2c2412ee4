"""A package whose functions call, instead of each other, the same functions of another package in another worker.

In the worker a Graft stands in the place of a function and asks the parent; there a Relay carries the question to the
other worker and the answer back. What has no form on the wire stays where it was made and travels as a number.
"""

import copy
import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from .channel import Channel
from .wire import Decoder, Encoder, Unsendable

KINSHIP = 4  # how many times more different values the right answer may have


class Foreign:
    """Something that lives in the other worker: a cache, handed back where it came from."""

    def __init__(self, number: int) -> None:
        self.number = number


class Graft:
    """Stands for a function; a call goes out through the channel. Dicts among the arguments are written back.

    Each answer is held against what the function itself makes of the same arguments: zeros or constants in its place
    raise ValueError, since what is built on them would be right without being understood. `twins` holds, for each cache
    that came in, the function's own.
    """

    def __init__(self, name: str, original: Callable, channel: Channel, twins: dict[int, tuple[Any, Any]]) -> None:
        self._name, self.original, self._channel, self._twins = name, original, channel, twins

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        own = self.original(*[self._twin(argument) for argument in arguments], **keywords)
        answer = self._ask(arguments, keywords)
        pairs = list(zip(_several(answer), _several(own), strict=True))
        if not all(isinstance(got, Foreign) or _akin(got, right) for got, right in pairs):
            raise ValueError(f"the answer of {self._name} is no answer")
        for got, right in pairs[1:]:
            self._twins[id(got)] = got, right
        return answer

    def _twin(self, argument: Any) -> Any:
        if isinstance(argument, dict):
            return copy.deepcopy(argument)
        return self._twins.get(id(argument), (argument, argument))[1]

    def _ask(self, arguments: tuple, keywords: dict[str, Any]) -> Any:
        encoder = Encoder(_outgoing)
        values = {"args": encoder.node(list(arguments)), "kwargs": encoder.node(keywords)}
        self._channel.send(encoder.frame({"callback": self._name, **values}))
        header, arrays = self._channel.receive()
        if "ok" not in header.message:
            raise RuntimeError(f"{self._name} raised in the other package")
        decoder = Decoder(arrays, lambda form, content: Foreign(content))
        for place, content in decoder.value(header.message["dicts"]):
            arguments[place].clear()
            arguments[place].update(content)
        return decoder.value(header.message["ok"])


def _several(answer: Any) -> tuple:
    return tuple(answer) if isinstance(answer, (tuple, list)) else (answer,)


def _akin(got: Any, right: Any) -> bool:
    """Whether an answer is about as varied as the right one: not all zeros, nor a few constants."""
    if not isinstance(right, (np.ndarray, np.generic, float)):
        return True
    if not isinstance(got, (np.ndarray, np.generic, float)):
        return False
    return KINSHIP * np.unique(got).size >= np.unique(right).size and bool(np.any(got) or not np.any(right))


def install(package: str, names: list[str], channel: Channel) -> None:
    """Puts a Graft in the place of every named function at the top of a module, in all modules that imported it too."""
    twins: dict[int, tuple[Any, Any]] = {}
    for name in names:
        module_name, _, function = name.rpartition(".")
        try:
            module = importlib.import_module(f"{package}.{module_name}")
        except ModuleNotFoundError:
            continue  # a method: its module's name ends in a class
        original = getattr(module, function)
        graft = Graft(name, original, channel, twins)
        for loaded in [loaded for key, loaded in sys.modules.items() if key.startswith(f"{package}.")]:
            for alias in [alias for alias, value in vars(loaded).items() if value is original]:
                setattr(loaded, alias, graft)


def _outgoing(value: Any, encoder: Encoder) -> Any:
    if isinstance(value, Foreign):
        return {"foreign": value.number}
    raise Unsendable(f"a {type(value).__name__} has no form on the wire")


class Relay:
    """Answers the calls of one worker's grafts with another worker's package; `used` names what was called."""

    def __init__(self, package: Any) -> None:
        self.used: set[str] = set()
        self.package, self._kept = package, []

    def __call__(self, message: dict[str, Any], arrays: list[np.ndarray]) -> list[Any]:
        """The reply frame to a call; an error reply when the other package raised."""
        try:
            return self._call(message, arrays)
        except Exception:
            return Encoder(self._keep).frame({"error": "raised"})

    def _call(self, message: dict[str, Any], arrays: list[np.ndarray]) -> list[Any]:
        decoder = Decoder(arrays, lambda form, content: self._kept[content])
        arguments, keywords = decoder.value(message["args"]), decoder.value(message["kwargs"])
        boxes = {place: self.package.put(value) for place, value in enumerate(arguments) if isinstance(value, dict)}
        self.used.add(message["callback"])
        function = self.package
        for part in message["callback"].split("."):
            function = getattr(function, part)
        result = function(*[boxes.get(place, value) for place, value in enumerate(arguments)], **keywords)
        dicts = [(place, self.package.fetch(box)) for place, box in boxes.items()]
        encoder = Encoder(self._keep)
        return encoder.frame({"ok": encoder.node(result), "dicts": encoder.node(dicts)})

    def _keep(self, value: Any, encoder: Encoder) -> Any:
        self._kept.append(value)
        return {"foreign": len(self._kept) - 1}
