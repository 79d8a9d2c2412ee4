"""Find the module whose import keeps a check from running, and say why, where, and what to do."""

import contextlib
import os
import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..course.imports import StrayImport, find_judged, find_loaded, read_top_imports
from ..course.manifest import Manifest
from ..course.source import Unparsable, find_definitions, list_modules, read_source
from ..errors import Ending, StackFrame, WorkerEnded, WorkerError, WorkerRaised
from ..files import find_nearest, make_printable
from ..limits import LOADED_BYTES
from ..results.record import Cause
from ..sandbox.child.exceptions import find_near
from ..sandbox.child.imports import can_stand_in
from ..submission.package_search import explain_missing_file
from . import messages
from .wording import explain_error

TOP = ".<module>"  # ends the name of a frame at module level
REMEDIES = {
    "SyntaxError": messages.FIX_LINE,
    "IndentationError": messages.FIX_INDENT,
    "TabError": messages.FIX_TABS,
}
LOOKS_LIKE = re.compile(r"invalid (non-printable )?character")
NOTEBOOK_LINE = re.compile(r"%{1,2}[a-z]|!\w")
NO_MODULE = re.compile(r"No module named '([\w.]+)'")
NO_NAME = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'")
REFUSED = re.compile(r"(\w+) is not for this question")
FILE_IN_BRACKETS = re.compile(r" \([^()]*\.\w+\)$")
CODE_CHARACTERS = 120  # of a line that a sentence quotes
CONFLICT = re.compile(rb"^(?:<{7}|>{7}) ", re.MULTILINE)
UTF16 = (b"\xff\xfe", b"\xfe\xff")
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
    _behind: dict[str, Cause] = field(default_factory=dict)  # by the module asked for, what is told of it

    def find(self, error: WorkerError, libraries: Sequence[str], secret: bool) -> Cause | None:
        """Return the module whose import failed, None where no import did.

        Where inputs are `secret`, nothing is used of what the worker says: what it imports may know them.
        """
        asked = self._find_asked(error)
        if asked in self._behind:
            return self._behind[asked]
        if secret:
            found = Cause(module=asked, message=messages.UNIMPORTABLE.brief.format(asked=asked)) if asked else None
        else:
            found = self._find_missing(error, asked) or self._find_broken(error, asked, libraries)
        return found and self._remember(found, asked)

    def next_step(self) -> str:
        """Return what to do first: `fix student/layers.py, line 3`; empty where nothing keeps a module back."""
        first = next((cause for cause in self.causes if cause.file), None)
        return f"{'fix' if first.line else 'see to'} {self.package.name}/{first.place}" if first else ""

    def _remember(self, cause: Cause, asked: str) -> Cause:
        """Return what is told about this module: what was found first, or first with a place in its file."""
        known = next((other for other in self.causes if other.module == cause.module), None)
        if known is None or (cause.file and not known.file):
            self.causes[:] = [*(other for other in self.causes if other is not known), cause]
            known = cause
        if asked and known.file:
            self._behind[asked] = known
        return known

    def _find_asked(self, error: WorkerError) -> str:
        """Return the module that the check asked for; empty where it asked for what is in one, or called something."""
        parts = error.asked.split(".")
        unsaid = isinstance(error, WorkerEnded) and error.ending in UNSAID
        if unsaid or not all(part.isidentifier() for part in parts):
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
                why = explain_missing_file(
                    self.package / file, messages.PUT_BACK.format(self.package.name), self.package
                )
                return Cause(module=module, message=f"{file} {why}.", file=file)
        return None

    def _find_broken(self, error: WorkerError, asked: str, libraries: Sequence[str]) -> Cause | None:
        """Return the innermost module at whose level something went wrong, by the frames, or else the one asked for."""
        tops = [frame for frame in error.frames if frame.function.endswith(TOP)] + self._find_null_byte(error)
        module = self._find_module(tops[-1].file) if tops else ""
        if module:
            said = self._explain(error, tops[-1], libraries)
            message = re.sub(r"\s*\n\s*", " ", said)  # at the top of a report, on one line
            return Cause(module=module, message=message, file=tops[-1].file, line=max(tops[-1].line, 0))
        if asked and isinstance(error, WorkerEnded):
            file = self._name_file(asked)
            message = messages.ENDED_AT_IMPORT.format(file=file, what=_say_what(error))
            return Cause(module=asked, message=message, file=file)
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

    def _explain(self, error: WorkerError, top: StackFrame, libraries: Sequence[str]) -> str:
        """Say what keeps a module from being imported, where, and what to do.

        `top` is the innermost line outside of functions; without `libraries`, code may import everything.
        """
        place = f"{top.file}, line {top.line}" if top.line > 0 else top.file
        code = f" ({make_printable(top.text, CODE_CHARACTERS)})" if top.text else ""
        facts, what, inner = {"place": place, "code": code}, _say_what(error), ""
        if isinstance(error, WorkerRaised):
            if top in error.frames and error.frames[-1] is not top:
                inner = messages.INSIDE.format(error.frames[-1].function)
            elif error.kind in REMEDIES:
                plain = messages.NO_SYNTAX.format(what=what, remedy=_find_remedy(error, top.text), **facts)
                return explain_unreadable(top.file, read_source(self.package / top.file)) or plain
            elif error.kind in ("ImportError", "ModuleNotFoundError"):
                said = self._explain_module(error.text, libraries, facts) or self._explain_name(error.text, facts)
                return said or messages.BAD_IMPORT.format(what=FILE_IN_BRACKETS.sub("", what), **facts)
        return messages.RAISED_AT_IMPORT.format(what=what, inner=inner, **facts)

    def _explain_module(self, text: str, libraries: Sequence[str], facts: dict[str, str]) -> str:
        """Say that a module is not there, or not for this question; empty where that is not the matter."""
        refused, named = REFUSED.match(text), NO_MODULE.match(text)
        top, _, inside = (named[1] if named else refused[1] if refused else "").partition(".")
        if named and top in self.names:
            if not all(part.isidentifier() for part in inside.split(".")):  # a dot too many
                return ""
            near = find_nearest(inside, [".".join(file.with_suffix("").parts) for file in list_modules(self.package)])
            remedy = messages.NEAREST.format(near) if near else messages.CORRECT_OR_ADD
            return messages.NO_OWN_MODULE.format(name=inside, package=self.package.name, remedy=remedy, **facts)
        foreign = libraries and top not in {*libraries, *sys.stdlib_module_names}
        if top and (refused or foreign):
            meant, allowed = find_near(top, libraries), " and ".join(["the standard library", *libraries])
            remedy = messages.NEAREST.format(meant) if meant else messages.USE_LIBRARIES.format(allowed)
            return messages.NOT_ALLOWED.format(library=top, remedy=remedy, **facts)
        return ""

    def _explain_name(self, text: str, facts: dict[str, str]) -> str:
        """Say that a module of the package lacks a name; empty for other modules, and where imports go in a circle."""
        named = NO_NAME.match(text)
        top, _, module = named[2].partition(".") if named else ("", "", "")
        if named is None or top not in self.names or not module.replace(".", "").isidentifier():
            return ""
        file, known = f"{module.replace('.', '/')}.py", set[str]()
        with contextlib.suppress(Unparsable):
            known.update(find_definitions(read_source(self.package / file)))
        near = find_nearest(named[1], known)
        remedy = messages.NEAREST.format(near) if near else messages.CORRECT_OR_WRITE
        return messages.NO_OWN_NAME.format(file=file, name=named[1], remedy=remedy, **facts)


def _find_remedy(error: WorkerRaised, code: str) -> str:
    """Return what to do about a line that is no Python."""
    if LOOKS_LIKE.match(error.text):
        return messages.RETYPE
    return messages.OF_A_NOTEBOOK if NOTEBOOK_LINE.match(code) else REMEDIES[error.kind]


def _say_what(error: WorkerError) -> str:
    """Say what was raised or tried, or how it ended; what to do instead of an act is not to do it at import."""
    if isinstance(error, WorkerEnded) and error.ending is Ending.LATE:
        return messages.LATE_IMPORT.format(seconds=error.args[-1])
    if not isinstance(error, WorkerRaised):
        return explain_error(error).full
    if error.attempt:
        return messages.ATTEMPTS[error.attempt].full.format(who="the import", place="", where="").partition(";")[0]
    return f"{error.kind}: {error.text}" if error.text else error.kind


def explain_unreadable(file: str, source: bytes) -> str:
    """Say which encoding or marks of a merge conflict keep Python from reading a file; empty where none do."""
    if source.startswith(UTF16):
        return messages.UTF16.format(file=file)
    if b"\0" in source:
        return messages.NULL_BYTE.format(file=file, line=source[: source.index(b"\0")].count(b"\n") + 1)
    if mark := CONFLICT.search(source):
        return messages.CONFLICT.format(file=file, line=source[: mark.start()].count(b"\n") + 1)
    if any(b"coding" in line for line in source.split(b"\n")[:2]):  # what it names has been tried
        return ""
    try:
        source.decode()
    except UnicodeDecodeError as problem:
        byte, line = source[problem.start : problem.start + 1], source[: problem.start].count(b"\n") + 1
        letter = byte.decode("cp1252", "ignore")
        guess = messages.WINDOWS_LETTER.format(letter) if letter.isprintable() and letter else ""
        return messages.NO_UTF8.format(file=file, line=line, byte=byte[0], guess=guess)
    return ""


def find_stray_imports(manifest: Manifest, package: Path) -> list[StrayImport]:
    """Return what judged modules, and those that they load, import at their top and a stand-in answers, by lines.

    Only their source is read, so no worker has a say in it.
    """
    names = {*manifest.submission.packages, manifest.paths.student, package.name}
    names |= {file.parts[0].removesuffix(".py") for file in list_modules(package)}
    names |= {name.partition(".")[0] for name in (manifest.edition.shims if manifest.edition else ())}
    stray, seen = dict[tuple[Path, int], StrayImport](), 0
    for start, questions in find_judged(manifest, package).items():
        for file in sorted(find_loaded(package, Path(start), names)) if seen < LOADED_BYTES else ():
            source = read_source(package / file)
            seen += len(source)
            for question in questions:
                known = {*sys.stdlib_module_names, *question.libraries, *names}
                for found in read_top_imports(source):
                    top = found.module.partition(".")[0]
                    if top not in known and can_stand_in(top, True, found.part == "*", found.read, question.libraries):
                        stray.setdefault((file, found.line), StrayImport(file, found, top, question))
    return [stray[place] for place in sorted(stray)]
