"""Find the module whose import keeps a check from running, and say why, where, and what to do."""

import ast
import contextlib
import os
import re
import sys
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np

from ..course.manifest import Manifest
from ..course.source import Unparsable, list_modules, parse_source, read_source
from ..errors import Ending, StackFrame, WorkerEnded, WorkerError, WorkerRaised
from ..files import find_nearest, make_printable
from ..results.record import Cause, Note, NoteKind
from ..submission.package_search import explain_missing_file
from . import messages
from .import_wording import MISSPELT, NO_MODULE, FailedImport, explain_end, explain_failure

SHOWN = 8  # imports that a note names; more are counted
TOP = ".<module>"  # ends the name of a frame at module level
UNSAID = (Ending.GONE, Ending.HUNG_UP, Ending.GARBLED)  # they say nothing about what was imported meanwhile


@dataclass
class Imports:
    """The modules of a package that cannot be imported, as far as a run knows; `causes` has each only once.

    `names` are the package's, `expected` the modules and folders in it that the assignment names.
    """

    package: Path
    names: Collection[str]
    expected: Collection[str]
    causes: list[Cause] = field(default_factory=list)
    _behind: dict[str, str] = field(default_factory=dict)  # by the module asked for, the one at fault

    def find(self, error: WorkerError, libraries: Sequence[str], secret: bool) -> Cause | None:
        """Return the module whose import failed, None where no import did.

        Where inputs are `secret`, nothing is used of what the worker says: what it imports may know them.
        """
        asked = self._find_asked(error)
        if asked and (known := self._find_known(self._behind.get(asked, ""))):
            return known
        if secret:
            found = Cause(module=asked, message=messages.UNIMPORTABLE.brief.format(asked=asked)) if asked else None
        else:
            found = self._find_missing(error, asked) or self._find_broken(error, asked, libraries)
        return found and self._remember(found, asked)

    def next_step(self) -> str:
        """Return what to do first: `fix student/layers.py, line 3`; empty where nothing keeps a module back."""
        for cause in self.causes:
            if cause.file:
                return f"{'fix' if cause.line else 'see to'} {self.package.name}/{cause.place}"
        return ""

    def _remember(self, cause: Cause, asked: str) -> Cause:
        """Return what is told about this module: what was found first, or first with a place in its file."""
        known = self._find_known(cause.module)
        if known is None or (cause.file and not known.file):
            self.causes[:] = [*(other for other in self.causes if other is not known), cause]
            known = cause
        if asked and known.file:
            self._behind[asked] = known.module
        return known

    def _find_known(self, module: str) -> Cause | None:
        return next((cause for cause in self.causes if cause.module == module), None)

    def _find_asked(self, error: WorkerError) -> str:
        """Return the module that the check asked for; empty where it asked for what is in one, or called something."""
        parts = error.asked.split(".")
        if not all(part.isidentifier() for part in parts) or (
            isinstance(error, WorkerEnded) and error.ending in UNSAID
        ):
            return ""
        if any(self.package.joinpath(*parts[:cut]).with_suffix(".py").is_file() for cut in range(1, len(parts))):
            return ""
        return error.asked if error.asked in self.expected or self._is_there(error.asked) else ""

    def _is_there(self, module: str) -> bool:
        place = self.package.joinpath(*module.split("."))
        return os.path.isdir(place) or os.path.isfile(f"{place}.py")  # a worker may say a name that no path can be

    def _name_file(self, module: str) -> str:
        """Return the file of a module in the package; where it is not there, of a folder its own name."""
        path = module.replace(".", "/")
        if self.package.joinpath(path).is_dir():
            return f"{path}/__init__.py"
        inside = [other.removeprefix(f"{module}.") for other in self.expected if other.startswith(f"{module}.")]
        is_folder = not self._is_there(module) and any(other[0].islower() for other in inside)  # no names of classes
        return path if is_folder else f"{path}.py"

    def _find_missing(self, error: WorkerError, asked: str) -> Cause | None:
        """Return the module of the assignment that is not there, be it asked for or imported by another."""
        named = NO_MODULE.match(error.text) if isinstance(error, WorkerRaised) else None
        top, _, imported = named[1].partition(".") if named else ("", "", "")
        for module in (asked, imported if top in self.names else ""):
            if module in self.expected and not self._is_there(module):
                file = self._name_file(module)
                why = explain_missing_file(self.package / file, messages.PUT_BACK.format(self.package.name))
                return Cause(module=module, message=f"{file} {why}.", file=file)
        return None

    def _find_broken(self, error: WorkerError, asked: str, libraries: Sequence[str]) -> Cause | None:
        """Return the innermost module at whose level something went wrong, by the frames, or else the one asked for."""
        tops = [frame for frame in error.frames if frame.function.endswith(TOP)] + self._find_null_byte(error)
        module = self._find_module(tops[-1].file) if tops else ""
        if module:
            failed = FailedImport(self.package, self.names, error, tops[-1], libraries)
            message = re.sub(r"\s*\n\s*", " ", explain_failure(failed))  # at the top of a report, on one line
            return Cause(module=module, message=message, file=tops[-1].file, line=max(tops[-1].line, 0))
        if asked and isinstance(error, WorkerEnded):
            file = self._name_file(asked)
            return Cause(module=asked, message=explain_end(error, file), file=file)
        return None

    def _find_null_byte(self, error: WorkerError) -> list[StackFrame]:
        """Return the file that holds a null byte where Python complains of one, since it does not say in which."""
        if error.kind != "SyntaxError" or "null byte" not in str(error):
            return []
        files = [file for file in list_modules(self.package) if b"\0" in read_source(self.package / file)]
        return [StackFrame(file.as_posix(), 0, "", "") for file in files[:1]]

    def _find_module(self, file: str) -> str:
        """Return the module of a file that a worker names; empty where it is none of the package's."""
        path = file.removesuffix(".py").removesuffix("/__init__")
        if path == "__init__":
            return self.package.name
        is_module = all(part.isidentifier() for part in path.split("/")) and self._is_there(path.replace("/", "."))
        return path.replace("/", ".") if is_module else ""


def describe_stray_imports(manifest: Manifest, package: Path) -> list[Note]:
    """Return a note on what the package's modules import at their top and a stand-in answers; none without any.

    Only their source is read, so no worker has a say in it.
    """
    named = {*manifest.submission.packages, manifest.paths.student, package.name}
    named |= {file.parts[0].removesuffix(".py") for file in list_modules(package)}
    shims = {name.partition(".")[0] for name in (manifest.edition.shims if manifest.edition else ())}
    found = []
    for file, libraries in sorted(_find_libraries(manifest, package).items()):
        known = {*sys.stdlib_module_names, *libraries, *named, *shims}
        with contextlib.suppress(Unparsable):
            for node in parse_source(read_source(package / file)).body:
                if _is_stray(node, known, libraries):
                    found.append(f"{file.as_posix()}, line {node.lineno} ({make_printable(ast.unparse(node), 60)})")
    if not found:
        return []
    shown = "; ".join([*found[:SHOWN], *([f"and {len(found) - SHOWN} more"] if found[SHOWN:] else [])])
    return [Note(NoteKind.IMPORTS, messages.STRAY_IMPORTS.format(shown))]


def _find_libraries(manifest: Manifest, package: Path) -> dict[Path, set[str]]:
    """Return the modules that a run imports, each with the libraries of the questions that judge what is in it."""
    found: dict[Path, set[str]] = {}
    for name, question in manifest.functions().items():
        parts = name.split(".")
        for file in (Path(*parts[:end]).with_suffix(".py") for end in range(1, len(parts))):
            if (package / file).is_file():
                found.setdefault(file, set()).update(question.libraries)
    return found


def _is_stray(node: ast.stmt, known: Collection[str], libraries: Collection[str]) -> bool:
    """Return whether a statement imports a library that is not for the question, or a name that NumPy lacks."""
    if isinstance(node, ast.Import):
        names = [(alias.name, "") for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names = [(node.module, alias.name) for alias in node.names if alias.name != "*"]
    else:
        return False
    tops = {name.partition(".")[0] for name, _ in names}
    foreign = any(top not in known and not find_nearest(top, libraries, MISSPELT) for top in tops)
    return foreign or any(name.partition(".")[0] == np.__name__ and _is_lacking(name, part) for name, part in names)


def _is_lacking(module: str, name: str) -> bool:
    """Return whether NumPy, as it is loaded here, has neither a module of this name nor the name in it."""
    value: object = np
    for part in filter(None, [*module.split(".")[1:], name]):
        with warnings.catch_warnings(action="ignore"):
            inside = getattr(value, part, None)
        places = getattr(value, "__path__", None)
        if inside is None:
            return not (places and PathFinder.find_spec(part, places))
        value = inside
    return False
