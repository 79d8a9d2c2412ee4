"""A package whose functions call, instead of each other, the same functions of another package in another worker.

In the worker a Graft stands in the place of a function and asks the parent; there a Relay carries the question to the
other worker and the answer back. What has no form on the wire stays where it was made and travels as a number.
"""

import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..errors import OutOfTime, SandboxError, StudentError
from .channel import Channel
from .wire import Decoder, Encoder, Unsendable


class Foreign:
    """Something that lives in the other worker: a cache, handed back where it came from."""

    def __init__(self, number: int) -> None:
        self.number = number


class Graft:
    """Stands for a function; a call goes out through the channel. Dicts among the arguments are written back."""

    def __init__(self, name: str, original: Callable, channel: Channel) -> None:
        self._name, self.original, self._channel = name, original, channel

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        encoder = Encoder(_outgoing)
        values = {"args": encoder.node(list(arguments)), "kwargs": encoder.node(keywords)}
        self._channel.send(encoder.frame({"callback": self._name, **values}))
        message, arrays = self._channel.receive()
        if "ok" not in message:
            raise RuntimeError(f"{self._name} raised in the other package")
        decoder = Decoder(arrays, lambda form, content: Foreign(content))
        for place, content in decoder.value(message["dicts"]):
            arguments[place].clear()
            arguments[place].update(content)
        return decoder.value(message["ok"])


def install(package: str, names: list[str], channel: Channel) -> None:
    """Puts a Graft in the place of every named function at the top of a module, in all modules that imported it too."""
    for name in names:
        module_name, _, function = name.rpartition(".")
        try:
            original = getattr(importlib.import_module(f"{package}.{module_name}"), function)
        except Exception:  # a method, whose module's name ends in a class, or a function that nothing here can call
            continue
        graft = Graft(name, original, channel)
        for loaded in [loaded for key, loaded in sys.modules.items() if key.startswith(f"{package}.")]:
            for alias in [alias for alias, value in vars(loaded).items() if value is original]:
                setattr(loaded, alias, graft)


def _outgoing(value: Any, encoder: Encoder) -> Any:
    if isinstance(value, Foreign):
        return {"foreign": value.number}
    raise Unsendable(f"a {type(value).__name__} has no form on the wire")


class Relay:
    """Answers the calls of one worker's grafts with another worker's package.

    It calls nothing but `allowed`, whatever the worker asks for. `used` names what was called, `raised` what had no
    answer, with the kind of error.
    """

    def __init__(self, package: Any, allowed: Iterable[str]) -> None:
        self.used: set[str] = set()
        self.raised: list[tuple[str, str]] = []
        self.package, self._allowed, self._kept = package, frozenset(allowed), []

    def __call__(self, message: dict[str, Any], arrays: list[np.ndarray]) -> list[Any]:
        """The reply frame to a call; an error reply when it is not allowed, or the other package raised."""
        try:
            return self._call(message, arrays)
        except (OutOfTime, SandboxError):  # they tell nothing about the call
            raise
        except Exception as error:
            name = message.get("callback")
            kind = error.kind if isinstance(error, StudentError) else type(error).__name__
            self.raised.append(
                (name if isinstance(name, str) and name in self._allowed else "function", kind or "an exception")
            )
            return Encoder(self._keep).frame({"error": "raised"})

    def seed(self, seed: int) -> None:
        """Seed the generators of the other package's worker."""
        self.package.seed(seed)

    def _call(self, message: dict[str, Any], arrays: list[np.ndarray]) -> list[Any]:
        name = message["callback"]
        if name not in self._allowed:
            raise LookupError(name)
        decoder = Decoder(arrays, lambda form, content: self._kept[content])
        arguments, keywords = decoder.value(message["args"]), decoder.value(message["kwargs"])
        boxes = {place: self.package.put(value) for place, value in enumerate(arguments) if isinstance(value, dict)}
        self.used.add(name)
        function = self.package
        for part in name.split("."):
            function = getattr(function, part)
        result = function(*[boxes.get(place, value) for place, value in enumerate(arguments)], **keywords)
        dicts = [(place, self.package.fetch(box)) for place, box in boxes.items()]
        encoder = Encoder(self._keep)
        return encoder.frame({"ok": encoder.node(result), "dicts": encoder.node(dicts)})

    def _keep(self, value: Any, encoder: Encoder) -> Any:
        self._kept.append(value)
        return {"foreign": len(self._kept) - 1}
