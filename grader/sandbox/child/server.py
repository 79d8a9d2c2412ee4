"""The worker's side: it answers requests, holds what handles stand for, and tells which arguments a call changed."""

import contextlib
import importlib
import inspect
import random
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from ...limits import CHANGE_KEY_CHARACTERS, CHANGE_LEVELS, CHANGE_OBJECTS, CHANGES
from ..wire import Decoder, Encoder, Unsendable
from .exceptions import LateReport, report_exception
from .packages import Ask, Callback, compile_module, install_callbacks, load_package

ATOMS = (type(None), bool, int, float, complex, str, bytes, np.generic, type, types.ModuleType, types.FunctionType)
LAZY = (types.GeneratorType, map, filter, zip)
Way = tuple[int | str, ...]


class WorkerServer:
    """The objects of one worker and what may be asked of them; handles are numbers, never addresses.

    Where functions are replaced, the replacements `ask` the parent. One that waits is told of late requests by `tell`.
    """

    def __init__(self, ask: Ask, tell: Callable[[list[Any]], None] | None = None) -> None:
        self._ask, self._tell = ask, tell
        self._objects: dict[int, Any] = {}
        self._root: Path | None = None
        self._name = ""
        self._late: LateReport | None = None
        self._changed: list[Way] = []

    def answer(self, message: dict[str, Any], arrays: list[np.ndarray]) -> list[Any]:
        """Carry out one request and return the reply frame, an error reply where student code raised."""
        encoder = Encoder(self._remember)
        self._changed = []
        try:
            decoder = Decoder(arrays, self._recall)
            with self._late.during(message.get("late_after", 0)) if self._late else contextlib.nullcontext():
                reply = {"ok": getattr(self, f"_do_{message['op']}")(message, decoder, encoder)}
            return encoder.frame(reply | ({"changed": self._changed} if self._changed else {}))
        except BaseException as error:
            return Encoder(self._remember).frame({"error": report_exception(error, self._root)})

    def _do_compile(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> Any:
        sys.dont_write_bytecode = False  # or nothing is offered for writing
        return encoder.node([compile_module(Path(header["path"], file)) for file in header["files"]])

    def _do_load(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> None:
        self._objects.clear()
        self._root, self._name = Path(header["path"]), header["name"]
        if self._tell is not None and self._late is None:
            self._late = LateReport(self._tell, self._root, header["late_after"])
        load_package(header)

    def _do_reset(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> None:
        self._objects.clear()
        _seed(header["seed"])

    def _do_get(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> Any:
        target = self._target(header["target"])
        if header["how"] == "item":
            return self._node(target[decoder.value(header["key"])], encoder)
        return self._node(_attribute(target, header["key"]), encoder)

    def _do_set(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> None:
        target, value = self._target(header["target"]), decoder.value(header["value"])
        if header["how"] == "item":
            target[decoder.value(header["key"])] = value
        else:
            setattr(target, header["key"], value)

    def _do_call(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> Any:
        function = self._target(header["target"])
        arguments, keywords = decoder.value(header["args"]), decoder.value(header["kwargs"])
        if header["keep"]:  # a race may run: nothing but the call is to take time, and all of the call
            result = function(*arguments, **keywords)
            return self._handle(tuple(result) if isinstance(result, LAZY) else result)
        before = Fingerprints(arguments, keywords)
        result = function(*arguments, **keywords)
        self._changed = before.changed()
        return self._answer_node(result, encoder)

    def _do_list(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> Any:
        return {"list": [self._node(item, encoder) for item in self._target(header["target"])]}

    def _do_len(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> Any:
        return len(self._target(header["target"]))

    def _do_fetch(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> Any:
        return encoder.node(self._target(header["target"]))

    def _do_open(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> Any:
        return self._answer_node(self._target(header["target"]), encoder)

    def _do_put(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> Any:
        return self._handle(decoder.value(header["value"]))

    def _do_parameters(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> Any:
        return {"list": list(inspect.signature(self._target(header["target"])).parameters)}

    def _do_replace(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> None:
        install_callbacks(self._name, header["names"], self._ask)

    def _do_seed(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> None:
        _seed(header["seed"])

    def _do_forget(self, header: dict[str, Any], decoder: Decoder, encoder: Encoder) -> None:
        for number in range(header["target"] + 1, len(self._objects)):
            del self._objects[number]

    def _target(self, place: int | list[Any] | str | None) -> Any:
        """Return what a handle stands for: an object kept here, a method of one, or what lies at a dotted path."""
        if isinstance(place, int):
            return self._objects[place]
        if isinstance(place, list):
            holder, name = place
            return _attribute(self._target(holder), name)
        library, is_library, path = (place or "").rpartition(":")
        holder = importlib.import_module(library) if is_library else sys.modules[self._name]
        return reduce(_attribute, path.split(".") if path else [], holder)

    def _answer_node(self, result: Any, encoder: Encoder) -> Any:
        """Return the node of a result: a tuple or list opens one level, and what lies deeper stays here.

        So does one of a class of its own, such as a named tuple: by what it holds, not by what the class makes of it.
        """
        if isinstance(result, tuple):
            return {"tuple": [self._node(item, encoder) for item in tuple.__iter__(result)]}
        if isinstance(result, list):
            return {"list": [self._node(item, encoder) for item in list.__iter__(result)]}
        return self._node(result, encoder)

    def _node(self, value: Any, encoder: Encoder) -> Any:
        """Return the node of a value: numbers, text and plain arrays by value, everything else as a handle.

        So does an array of a class of its own, such as np.matrix, which multiplies in another way.
        """
        plain = value is None or isinstance(value, (bool, int, float, str, np.generic)) or is_tensor(value)
        if not plain and type(value) is not np.ndarray:
            return self._handle(value)
        try:
            return encoder.node(value)
        except Unsendable:
            return self._handle(value)

    def _handle(self, value: Any) -> dict[str, Any]:
        number = len(self._objects)
        self._objects[number] = value
        return {"handle": [number, _kind(value), _label(value, self._name)]}

    def _remember(self, value: Any, encoder: Encoder) -> Any:
        if is_tensor(value) and (array := _numbers(value)) is not None:
            return {"tensor": [encoder.attach(array), bool(value.requires_grad)]}
        for plain in (str, int, float):
            if isinstance(value, plain):
                return encoder.node(plain(value))
        if isinstance(value, dict):
            return encoder.node(dict(value))
        return self._handle(value)

    def _recall(self, form: str, content: Any) -> Any:
        if form == "handle":
            return self._target(content)
        if form == "tensor":
            import torch

            array, requires_grad = content
            return torch.from_numpy(array).requires_grad_(requires_grad)
        raise TypeError(f"a value of the form {form!r}")


def _attribute(target: Any, name: str) -> Any:
    """Return the attribute of an object; a package's modules count as attributes and are imported when asked for."""
    if inspect.ismodule(target) and hasattr(target, "__path__") and not hasattr(target, name):
        return importlib.import_module(f"{target.__name__}.{name}")
    value = getattr(target, name)
    return value.original if isinstance(value, Callback) else value


def _seed(seed: int) -> None:
    np.random.seed(seed)
    random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.default_generator.manual_seed(seed)  # manual_seed itself takes 2 ms to look at devices nobody has here


def _numbers(tensor: Any) -> np.ndarray | None:
    """Return a tensor's numbers; None where NumPy cannot have them: on meta, in sparse or of bfloat16."""
    try:
        array: np.ndarray = tensor.detach().cpu().numpy()
    except (RuntimeError, TypeError):  # of which NotImplementedError is one
        return None
    return array


def _kind(value: Any) -> str:
    if is_tensor(value):
        return f"tensor on {value.device.type}, {value.dtype}, {value.layout}"
    if type(value) is np.ndarray:
        return f"array of dtype {value.dtype}"
    return type(value).__name__[:80]


def _label(value: Any, package: str) -> str:
    """Return the dotted path, inside the package, of a module, function or class, or of an instance's class."""
    if inspect.ismodule(value):
        path = value.__name__
    else:
        named = value if isinstance(value, (type, types.FunctionType, types.MethodType)) else type(value)
        path = f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}"
    return path.removeprefix(f"{package}.") if path.startswith(f"{package}.") else ""


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
