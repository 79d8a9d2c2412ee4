"""A package in a worker: loaded, compiled, its calls watched and forwarded."""

import contextlib
import importlib
import importlib.machinery
import importlib.util
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ...limits import (
    CHANGE_KEY_CHARACTERS,
    CHANGE_LEVELS,
    CHANGE_OBJECTS,
    CHANGES,
)
from ..wire import Decoder, Encoder, Unsendable

ATOMS = (type(None), bool, int, float, complex, str, bytes, np.generic, type, types.ModuleType, types.FunctionType)

Way = tuple[int | str, ...]


def compile_module(source: Path) -> np.ndarray | None:
    """Return the bytes of a module's bytecode file; None where it cannot be compiled. No code of it is run."""
    loader = _Keep("module", str(source))
    with contextlib.suppress(Exception):
        loader.get_code("module")
    return None if loader.content is None else np.frombuffer(loader.content, np.uint8)


class _Keep(importlib.machinery.SourceFileLoader):
    """Keeps the bytecode it would write."""

    content: bytes | None = None

    def set_data(self, path: str, data: Any, **unused: int) -> None:
        self.content = bytes(data)


def forget_package(name: str) -> None:
    """Forget the modules of a package that was loaded under this name in this process, if one was."""
    if name in sys.modules:  # else nothing is searched, since that would copy the page of each module's name
        for module in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
            del sys.modules[module]


def load_package(root: Path, name: str) -> None:
    """Make the folder importable under `name`, without putting its siblings within reach of an import."""
    init = root / "__init__.py"
    spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(root)])
    if init.is_file() and spec is not None and spec.loader is not None:
        package = importlib.util.module_from_spec(spec)
        sys.modules[name] = package
        spec.loader.exec_module(package)
    else:
        package = types.ModuleType(name)
        package.__path__ = [str(root)]
        sys.modules[name] = package


class OpaqueHandle:
    """Something that lives in the other worker: a cache, handed back where it came from."""

    def __init__(self, number: int) -> None:
        self.number = number


class CallbackChannel(Protocol):
    """A way to the parent for the calls of callbacks."""

    def send(self, frame: list[Any]) -> None:
        """Send a call."""

    def receive(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Return the answer to it."""


class Callback:
    """Stands for a function; a call goes out through the channel. Dicts among the arguments are written back."""

    def __init__(self, name: str, original: Callable[..., Any], channel: CallbackChannel) -> None:
        self._name, self.original, self._channel = name, original, channel

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        encoder = Encoder(_outgoing)
        values = {"args": encoder.node(list(arguments)), "kwargs": encoder.node(keywords)}
        self._channel.send(encoder.frame({"callback": self._name, **values}))
        message, arrays = self._channel.receive()
        if "ok" not in message:
            raise RuntimeError(f"{self._name} raised in the other package")
        decoder = Decoder(arrays, lambda form, content: OpaqueHandle(content))
        for place, content in decoder.value(message["dicts"]):
            arguments[place].clear()
            arguments[place].update(content)
        return decoder.value(message["ok"])


def install_callbacks(package: str, names: list[str], channel: CallbackChannel) -> None:
    """Replace each named function at the top of a module by a callback, in all modules that imported it too."""
    for name in names:
        module_name, _, function = name.rpartition(".")
        try:
            original = getattr(importlib.import_module(f"{package}.{module_name}"), function)
        except Exception:  # a method, whose module's name ends in a class, or a function that nothing here can call
            continue
        callback = Callback(name, original, channel)
        for loaded in [loaded for key, loaded in sys.modules.items() if key.startswith(f"{package}.")]:
            for alias in [alias for alias, value in vars(loaded).items() if value is original]:
                setattr(loaded, alias, callback)


def _outgoing(value: Any, encoder: Encoder) -> Any:
    if isinstance(value, OpaqueHandle):
        return {"opaque": value.number}
    raise Unsendable(f"a {type(value).__name__} has no form on the wire")


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
            if isinstance(value, np.ndarray) or is_tensor(value):
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
        values = np.asarray(array.detach().cpu().numpy() if is_tensor(array) else array)
        if values.dtype.hasobject:
            return None
        flat = np.ascontiguousarray(values).reshape(-1)
        return values.dtype.str, values.shape, zlib.crc32(flat.view(np.uint8).data) if flat.size else 0
    except Exception:
        return None


def is_tensor(value: Any) -> bool:
    """Return whether a value is a tensor, which nothing is before PyTorch is loaded."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
