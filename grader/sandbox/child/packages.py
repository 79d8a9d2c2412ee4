"""A package in a worker: loaded with what it may import, compiled, its calls forwarded."""

import contextlib
import importlib
import importlib.machinery
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..wire import Decoder, Encoder, Unsendable
from .imports import OnlyTheseLibraries, PackageAliases, StrayImports, install_shims

Ask = Callable[[list[Any]], tuple[dict[str, Any], list[np.ndarray]]]


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


def load_package(request: dict[str, Any]) -> None:
    """Load the package that a request names, with some of its modules, and set what its code may import."""
    name, libraries, aliases = request["name"], request["libraries"], request["aliases"]
    sys.pycache_prefix = request["bytecode"] or sys.pycache_prefix
    if libraries:
        OnlyTheseLibraries(name, libraries).install()
        StrayImports(name, [*aliases, *(shim.partition(".")[0] for shim in request["shims"])], libraries).install()
    PackageAliases(name, set(aliases) - set(libraries)).install()
    _forget(name)
    install_shims(request["shims"])
    _import_folder(Path(request["path"]), name)
    for module in request["modules"]:
        with contextlib.suppress(Exception):  # it will be raised again where a check asks for the module
            importlib.import_module(f"{name}.{module}")


def _forget(name: str) -> None:
    """Forget the modules of a package that was loaded under this name in this process, if one was."""
    if name in sys.modules:  # else nothing is searched, since that would copy the page of each module's name
        for module in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
            del sys.modules[module]


def _import_folder(root: Path, name: str) -> None:
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


class Callback:
    """Stands for a function; the parent is asked for the answer to a call, by position where the names allow it.

    Dicts among the arguments are written back.
    """

    def __init__(self, name: str, original: Callable[..., Any], ask: Ask) -> None:
        self._name, self.original, self._ask = name, original, ask

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        with contextlib.suppress(TypeError, ValueError):  # a signature that the call does not fit, or without one
            bound = inspect.signature(self.original).bind(*arguments, **keywords)
            arguments, keywords = bound.args, bound.kwargs
        encoder = Encoder(_outgoing)
        values = {"args": encoder.node(list(arguments)), "kwargs": encoder.node(keywords)}
        message, arrays = self._ask(encoder.frame({"callback": self._name, **values}))
        if "ok" not in message:
            raise RuntimeError(f"{self._name} raised in the other package")
        decoder = Decoder(arrays, lambda form, content: OpaqueHandle(content))
        for place, content in decoder.value(message["dicts"]):
            arguments[place].clear()
            arguments[place].update(content)
        return decoder.value(message["ok"])


def install_callbacks(package: str, names: list[str], ask: Ask) -> None:
    """Replace each named function at the top of a module by a callback, in all modules that imported it too."""
    for name in names:
        module_name, _, function = name.rpartition(".")
        try:
            original = getattr(importlib.import_module(f"{package}.{module_name}"), function)
        except Exception:  # a method, whose module's name ends in a class, or a function that nothing here can call
            continue
        callback = Callback(name, original, ask)
        for loaded in [loaded for key, loaded in sys.modules.items() if key.startswith(f"{package}.")]:
            for alias in [alias for alias, value in vars(loaded).items() if value is original]:
                setattr(loaded, alias, callback)


def _outgoing(value: Any, encoder: Encoder) -> Any:
    if isinstance(value, OpaqueHandle):
        return {"opaque": value.number}
    raise Unsendable(f"a {type(value).__name__} has no form on the wire")
