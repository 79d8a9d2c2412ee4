"""Proxies: objects in a worker that look, to a check, like the module, function or instance they stand for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import OutOfTime, SandboxError, WorkerError
from ...limits import INPUT_CHARACTERS
from ..child.server import Way
from ..wire import Encoder, WireError

# a handle's number, a method of what is at such a place, a dotted path in the package or, as `numpy:random.rand`, in a
# library, or the package itself
Target = int | tuple["Target", str] | str | None
METHODS = ("method", "builtin_function_or_method")  # kinds of what objects of one class have under the same names


class MissingKey(KeyError):
    """A dict in a worker has no such key; `names` are those that it has."""

    def __init__(self, key: Any, names: list[str]) -> None:
        super().__init__(key)
        self.key, self.names = key, names


class Proxy:
    """Something in a worker. Items and calls are asked for at once, names of package, libraries and methods once a run.

    Arrays, numbers and text come by value.

    What a call returns opens one level when it is a tuple or a list. Anything deeper, a cache or a network, stays in
    its worker and comes as another Proxy. A package can be asked for more: see `Package`.
    """

    __slots__ = ("_asked", "_kind", "_label", "_place", "_worker")
    _worker: Any
    _place: Target
    _kind: str
    _label: str
    _asked: str

    def __init__(self, worker: Any, place: Target, kind: str, label: str, asked: str = "") -> None:
        for name, value in zip(Proxy.__slots__, (asked, kind, label, place, worker), strict=True):
            object.__setattr__(self, name, value)

    @staticmethod
    def place(proxy: "Proxy") -> Target:
        """Return the handle's number in its worker, or the dotted path by which the package holds it."""
        return proxy._place

    @staticmethod
    def label(proxy: "Proxy") -> str:
        """Return the dotted name by which the package holds it; empty where it has none."""
        return proxy._label

    @staticmethod
    def owner(proxy: "Proxy") -> Any:
        """Return the worker it lives in."""
        return proxy._worker

    @staticmethod
    def asked(proxy: "Proxy") -> str:
        """Return the names by which the check came to it, `nets.Net().loss`; its worker has no say in them."""
        return proxy._asked

    def __getattr__(self, name: str) -> Any:
        """Ask only once, for all workers, for what a path leads to, and for a class's method."""
        if name.startswith("__"):
            raise AttributeError(name)
        named, place, asked = self._worker.named, self._place, _join(self._asked, name)
        label = _join(self._label, name) if self._label or place is None else ""
        if held := isinstance(place, (int, tuple)):  # by an object, not by the package or a library
            path = f"{self._kind} {self._label}.{name}"
        else:
            path = _join(place or "", name).replace(":.", ":")
        if path not in named:
            value = self._worker.request("get", label, None, asked, target=place, how="attribute", key=name)
            if not isinstance(value, Proxy) or value._label != label or (held and value._kind not in METHODS):
                return value
            named[path] = value._kind
        if named[path] == "module" and label:
            self._worker.modules.add(label)
        return Proxy(self._worker, (place, name) if held else path, named[path], label, asked)

    def __getitem__(self, key: Any) -> Any:
        try:
            return self._ask("get", {"key": key}, how="item")
        except KeyError:
            raise MissingKey(key, _list_names(self._ask("list"))) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._ask("set", {"value": value}, how="attribute", key=name)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._ask("set", {"key": key, "value": value}, how="item")

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self._call(arguments, keywords)

    def _call(self, arguments: tuple[Any, ...], keywords: dict[str, Any], keep: bool = False) -> Any:
        self._worker.note_call(self, self._label, arguments, keywords)
        other = self._worker.renamed.get(self._asked, {})
        values = {"args": list(arguments), "kwargs": {other.get(name, name): keywords[name] for name in keywords}}
        answer = self._ask("call", values, keep=keep)
        self._worker.note_answer(answer)
        return answer

    def __iter__(self) -> Iterator[Any]:
        return iter(self._ask("list"))

    def __len__(self) -> int:
        length: int = self._ask("len")  # a worker's word, which may be none
        return length

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{self._kind} {self._label}>".replace(" >", ">")

    def _ask(self, op: str, values: dict[str, Any] | None = None, **fields: Any) -> Any:
        return self._worker.request(op, self._label, values, self._asked, target=self._place, **fields)


class Package(Proxy):
    """The package itself, with what a check may ask of the worker that holds it."""

    __slots__ = ()

    def put(self, value: Any) -> Proxy:
        """Place a copy of a value in the worker and return the proxy: for dicts and arrays that a call may change."""
        placed: Proxy = self._worker.request("put", "", {"value": value})
        return placed

    def fetch(self, proxy: Any) -> Any:
        """Bring a dict, list or tuple of arrays and numbers over by value; what is no proxy is returned as it is."""
        if not isinstance(proxy, Proxy):
            return proxy
        return proxy._ask("fetch")

    def open(self, proxy: Proxy) -> Any:
        """Return what a call that was kept would have returned: a tuple or list opened one level, arrays by value."""
        return proxy._ask("open")

    def library(self, name: str) -> Proxy:
        """Return a library of the worker (`torch`), to build there what a student's function takes."""
        return Proxy(self._worker, f"{name}:", "module", "", name)

    def seed(self, seed: int) -> None:
        """Seed the worker's global generators, and those of the worker its callbacks call."""
        self._worker.request("seed", "", seed=seed)
        if self._worker.forwarder is not None:
            self._worker.forwarder.seed(seed)

    def keep(self, function: Proxy, *arguments: Any) -> Proxy:
        """Call a function and leave its whole result in the worker."""
        result: Proxy = function._call(arguments, {}, keep=True)
        return result

    def forget(self, mark: Proxy) -> None:
        """Let go of all objects that came after one; their proxies are void from then on."""
        self._worker.request("forget", "", target=mark._place)


def read_special(worker: Any, asked: str, form: str, content: Any) -> Any:
    """Return the value of a handle or tensor node of a worker. Raise WireError for any other form."""
    if form == "tensor":
        return content[0]
    if form == "handle":
        number, kind, label = content
        if type(number) is int and isinstance(kind, str) and isinstance(label, str):
            return Proxy(worker, number, _clean(kind), _clean(label), asked)
    raise WireError(f"a value of the form {form!r:.40}")


def _list_names(keys: Any) -> list[str]:
    """Return the keys that a sentence may quote; half a surrogate pair could not be written into a report."""
    return [key for key in keys if isinstance(key, str) and key.isprintable()] if isinstance(keys, list) else []


def read_shape(value: Any) -> tuple[int, ...] | None:
    """Return the shape of an array or tensor that went to a worker, None for anything else."""
    array = getattr(value, "array", value) if not isinstance(value, Proxy) else None
    return array.shape if isinstance(array, np.ndarray) else None


def _join(label: str, name: str) -> str:
    return f"{label}.{name}" if label else name


def _clean(text: str) -> str:
    return (text if text.isprintable() else "".join(c for c in text if c.isprintable()))[:120]


@dataclass
class Call:
    """A call as the parent saw it, for messages: what was called, and the arrays that went along."""

    function: Any
    label: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict)

    @property
    def asked(self) -> str:
        """The names by which the check came to what it called."""
        return Proxy.asked(self.function)

    def list_inputs(self, names: Sequence[str]) -> list[str]:
        """Return the arrays that went along with their shapes, and plain values, those in dicts too, as they are."""
        named = [*zip(names, self.arguments, strict=False), *self.keywords.items()]
        return [shown for name, value in named if (shown := _show_input(name, value))]


def _show_input(name: str, value: Any) -> str:
    shape = read_shape(value)
    if shape is None and isinstance(value, dict):
        plain = [shown for key, one in value.items() if (shown := _show_plain(key, one))]
        return f"{name} ({', '.join(plain)})" if plain else ""
    return _show_plain(name, value) if shape is None else f"{name} {shape}"


def _show_plain(name: object, value: Any) -> str:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_plain = isinstance(value, bool) or (isinstance(value, str) and len(value) <= INPUT_CHARACTERS)
    return f"{name}={value:.6g}" if is_number else f"{name}={value!r}" if is_plain else ""


Answered = tuple[Call, Any]


@dataclass(frozen=True)
class Change:
    """An array that a call changed in place, as the worker reports it: the argument, then indices and keys in it."""

    call: Call
    way: Way


class Forwarder:
    """Answers the calls of one worker's callbacks, and of no function but those `allowed`, whatever it asks for.

    `used` names what was called, `raised` what had no answer, with the kind of error.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self.used: set[str] = set()
        self.raised: list[tuple[str, str]] = []
        self.allowed = frozenset(allowed)

    def __call__(self, message: dict[str, Any], arrays: list[np.ndarray]) -> list[Any]:
        """Return the reply frame to a call; an error reply when it is not allowed, or has no answer."""
        try:
            return self.answer(message, arrays)
        except (OutOfTime, SandboxError):  # they tell nothing about the call
            raise
        except Exception as error:  # the message is a student's: it may hold anything
            name = message.get("callback")
            kind = error.kind if isinstance(error, WorkerError) else type(error).__name__
            known = name if isinstance(name, str) and name in self.allowed else "function"
            self.raised.append((known, kind or "an exception"))
            return Encoder(lambda value, encoder: None).frame({"error": "raised"})

    def answer(self, message: dict[str, Any], arrays: list[np.ndarray]) -> list[Any]:
        """Return the reply frame to a call. Raise anything where there is none."""
        raise NotImplementedError

    def seed(self, seed: int) -> None:
        """Seed the generators of what is called."""
