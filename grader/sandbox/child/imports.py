"""The imports of a package in a worker: its own names, its libraries, old modules, and stand-ins for what is stray."""

import ast
import builtins
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import pkgutil
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn

from ...course.source import Unparsable, parse_source, read_source
from .exceptions import find_near

USES = "call getitem setitem iter len bool enter mro_entries add radd sub rsub mul rmul truediv rtruediv matmul rmatmul"


def refuse(library: str, libraries: Sequence[str]) -> str:
    """Return the sentence that a library is not for this question."""
    return f"{library} is not for this question; use {' and '.join(['the standard library', *libraries])}"


def _is_own(frame: FrameType) -> bool:
    return frame.f_globals is globals()


class PackageAliases(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the package's own modules, the same objects, under other names; nothing outside of the package."""

    def __init__(self, package: str, names: Iterable[str]) -> None:
        self.package = package
        # not by a set of all those names: in a fork, each object that is touched has its page copied
        self.names = frozenset(name for name in names if name != package and name not in sys.stdlib_module_names)

    def install(self) -> None:
        """Take the place of an earlier one for the same package; modules found by it are forgotten."""
        former = [finder for finder in sys.meta_path if isinstance(finder, PackageAliases)]
        for finder in former:
            if finder.package == self.package:
                sys.meta_path.remove(finder)
                for name in [name for name in sys.modules if finder._is_alias(name)]:
                    del sys.modules[name]
        if self.names:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, name: str, path: object = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return a spec whose module is the package's own of that path; None where there is none."""
        if not self._is_alias(name):
            return None
        own = self._own(name)
        if own not in sys.modules and importlib.util.find_spec(own) is None:
            return None
        return importlib.machinery.ModuleSpec(name, self)

    def exec_module(self, module: ModuleType) -> None:
        """Put the package's own module in the place of the one that was made for the other name."""
        sys.modules[module.__name__] = importlib.import_module(self._own(module.__name__))

    def _is_alias(self, name: str) -> bool:
        return name.partition(".")[0] in self.names

    def _own(self, name: str) -> str:
        _, dot, rest = name.partition(".")
        return f"{self.package}{dot}{rest}"


class Unreadable(importlib.abc.Loader):
    """Loads nothing: what a worker may not read is as if nobody had installed it."""

    def exec_module(self, module: ModuleType) -> NoReturn:
        """Raise ModuleNotFoundError."""
        raise ModuleNotFoundError(f"No module named {module.__name__!r}", name=module.__name__)


class OnlyTheseLibraries(importlib.abc.MetaPathFinder):
    """Refuses to import what is neither the standard library, nor the package, nor one of the question's libraries.

    What libraries, and those that they need, import late is let through: they ask for it, not the student. What this
    worker may not read is not there for them.
    """

    def __init__(self, package: str, libraries: list[str]) -> None:
        self._package, self._libraries = package, libraries

    def install(self) -> None:
        """Take the place of an earlier one."""
        sys.meta_path[:] = [self, *(finder for finder in sys.meta_path if not isinstance(finder, OnlyTheseLibraries))]

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Raise ImportError for a top-level module that is there but not allowed; finds only what cannot be read."""
        top = name.partition(".")[0]
        if path is not None or top == self._package or top in self._libraries or top in sys.stdlib_module_names:
            return None
        by_student = self._asked_by_student()
        others = (finder.find_spec(name, None) for finder in sys.meta_path if finder is not self)
        found = next(filter(None, others), None)
        if found is None:
            return None
        if by_student:
            raise ImportError(refuse(top, self._libraries), name=name)
        return None if _is_readable(found) else importlib.machinery.ModuleSpec(name, Unreadable())

    def _asked_by_student(self) -> bool:
        frame: FrameType | None = sys._getframe(2)
        while frame is not None and (frame.f_code.co_filename.startswith("<frozen importlib") or _is_own(frame)):
            frame = frame.f_back
        asker = "" if frame is None else str(frame.f_globals.get("__name__", "")).partition(".")[0]
        return asker in ("", "builtins", self._package)


def _is_readable(spec: importlib.machinery.ModuleSpec) -> bool:
    """Return whether the file of a module can be opened; also True where it has none."""
    try:
        if spec.has_location and spec.origin:
            Path(spec.origin).open("rb").close()
    except PermissionError:
        return False
    return True


class StandIn(ModuleType):
    """A module, or a part of one, that costs nothing until it is used; each use raises the error of its import."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(name)
        self.__dict__["_sentence"] = sentence

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # it is Python itself that asks for these
            raise AttributeError(name)
        self._refuse()

    def _refuse(self, *arguments: Any, **keywords: Any) -> NoReturn:
        raise ImportError(self.__dict__["_sentence"], name=self.__name__)


for _use in USES.split():
    setattr(StandIn, f"__{_use}__", StandIn._refuse)


class StrayImports:
    """Answers what a module of the package imports at its top, and cannot have, by stand-ins: editors leave such lines.

    A misspelt library that the module reads, and a name that a library lacks, are no stray imports, so they fail.
    """

    def __init__(self, package: str, names: Iterable[str], libraries: Sequence[str]) -> None:
        self._package, self._names, self._libraries = package, {package, *names}, libraries
        former: Any = builtins.__import__
        self._import: Callable[..., Any] = former._import if isinstance(former, StrayImports) else former

    def install(self) -> None:
        """Take the place of Python's own import, or of an earlier one of this kind."""
        setattr(builtins, "__import__", self)  # noqa: B010  # a type checker forbids to assign it

    def __call__(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """Import as Python does; where that fails, or a name is not there, look for a stand-in."""
        if level or not self._is_asked_for(name, globals or {}):
            return self._import(name, globals, locals, fromlist, level)
        try:
            top = name.partition(".")[0]
            if top in sys.modules and top not in {*self._libraries, *sys.stdlib_module_names}:
                raise ImportError(refuse(top, self._libraries), name=name)  # which a library has loaded for itself
            module = self._import(name, globals, locals, fromlist, level)
        except ImportError as error:
            answer = self._find_answer(name, globals or {}, None, str(error))
            if answer is None:
                raise
            return answer
        lacks = [part for part in fromlist or () if part != "*" and not _has(module, part)]
        why = f"cannot import name {lacks[0]!r} from {name!r}" if lacks else ""
        return (self._find_answer(name, globals or {}, module, why) if lacks else None) or module

    def _is_asked_for(self, name: str, scope: Mapping[str, Any]) -> bool:
        """Return whether a module of the package asks for one that is not of the package."""
        asker, top = str(scope.get("__name__")), name.partition(".")[0]
        return asker.partition(".")[0] == self._package and top not in self._names and not self._is_sibling(top)

    def _is_sibling(self, top: str) -> bool:
        folder = Path(sys.modules[self._package].__path__[0], top)
        return folder.is_dir() or folder.with_suffix(".py").is_file()

    def _find_answer(self, name: str, scope: Mapping[str, Any], module: Any, why: str) -> ModuleType | None:
        """Return what an import statement gets its names from, stand-ins for those it cannot have; None if it fails."""
        found = _find_statement(name, scope)
        if found is None:
            return None
        node, read = found
        top = name.partition(".")[0]
        foreign = module is None and top not in {*self._libraries, *sys.stdlib_module_names}
        wanted = [alias for alias in node.names if isinstance(node, ast.ImportFrom) or alias.name == name]
        bound = {_bind(alias, node) for alias in wanted if not _has(module, alias.name)}
        if not can_stand_in(top, foreign, "*" in bound, bool(bound & read), self._libraries):
            return None
        stand_in = StandIn(name, refuse(top, self._libraries) if foreign else why)
        if isinstance(node, ast.Import):
            return _nest(name, stand_in) if wanted[0].asname else stand_in
        holder = ModuleType(name)
        for alias in wanted:
            holder.__dict__[alias.name] = getattr(module, alias.name, stand_in)
        return holder


def can_stand_in(library: str, foreign: bool, star: bool, read: bool, libraries: Sequence[str]) -> bool:
    """Return whether a stand-in answers an import at a module's top that fails.

    It does not for a name that a library lacks and the module reads, nor for a misspelt library that it reads.
    """
    return not star and not (read and (not foreign or find_near(library, libraries)))


def _find_statement(name: str, scope: Mapping[str, Any]) -> tuple[ast.Import | ast.ImportFrom, set[str]] | None:
    """Return the statement, not indented, by which a module imports a name, and the names that the module reads."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_own(frame):
        frame = frame.f_back
    if frame is None or frame.f_globals is not scope or frame.f_code.co_name != "<module>":
        return None
    statements, read = _read_module(frame.f_code.co_filename)
    for node in statements:
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        if name in names and node.lineno <= frame.f_lineno <= (node.end_lineno or node.lineno):
            return node, read
    return None


@cache
def _read_module(file: str) -> tuple[list[ast.stmt], set[str]]:
    """Return the statements of a module, and the names that it reads; none of a module that is too large."""
    try:
        tree = parse_source(read_source(Path(file)))
    except Unparsable:
        return [], set()
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return tree.body, read


def _bind(alias: ast.alias, node: ast.Import | ast.ImportFrom) -> str:
    """Return the name that a module gives to what it imports."""
    return alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)


def _nest(name: str, innermost: ModuleType) -> ModuleType:
    """Return the outermost of the modules of a dotted name, as `import a.b as c` asks for it."""
    top, *rest = name.split(".")
    if not rest:
        return innermost
    outer = ModuleType(top)
    outer.__dict__[rest[0]] = _nest(".".join(rest), innermost)
    return outer


def _has(module: Any, name: str) -> bool:
    with contextlib.suppress(Exception):
        return hasattr(module, name)
    return False


def install_shims(shims: dict[str, dict[str, str]]) -> None:
    """Make the modules that old imports ask for, out of parts of the standard library."""
    for name, content in shims.items():
        parent, _, last = name.rpartition(".")
        module = types.ModuleType(name)
        module.__path__ = []
        for key, source in content.items():
            setattr(module, key, pkgutil.resolve_name(source))
        sys.modules[name] = module
        if parent in sys.modules:
            setattr(sys.modules[parent], last, module)
