"""Word why a module cannot be imported: its file and line, what Python says, and what to do."""

import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..course.source import Unparsable, find_definitions, list_modules, read_source
from ..errors import Ending, StackFrame, WorkerEnded, WorkerError, WorkerRaised
from ..files import find_nearest, make_printable
from . import messages
from .wording import explain_error

REMEDIES = {
    "SyntaxError": messages.FIX_LINE,
    "IndentationError": messages.FIX_INDENT,
    "TabError": messages.FIX_TABS,
}
NO_MODULE = re.compile(r"No module named '([\w.]+)'")
NO_NAME = re.compile(r"cannot import name '(\w+)' from (partially initialized module )?'([\w.]+)'")
REFUSED = re.compile(r"(\w+) is not for this question")
FILE_IN_BRACKETS = re.compile(r" \([^()]*\.\w+\)$")
CODE_CHARACTERS = 120  # of a line that a sentence quotes
MISSPELT = 0.75  # nearness from which a library's name is a slip of the keys; torchvision and torch are less near
UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class FailedImport:
    """An exception, or an end, while a module was imported; `top` is the innermost line outside of functions.

    `names` are those of the package, `libraries` what its code may import besides, everything if there are none.
    """

    package: Path
    names: Collection[str]
    error: WorkerError
    top: StackFrame
    libraries: Sequence[str]

    @property
    def place(self) -> str:
        """Return file and line: `layers.py, line 3`."""
        return f"{self.top.file}, line {self.top.line}" if self.top.line > 0 else self.top.file

    @property
    def code(self) -> str:
        """Return the line's text in brackets, to be put behind a sentence."""
        return f" ({make_printable(self.top.text, CODE_CHARACTERS)})" if self.top.text else ""


def explain_end(error: WorkerEnded, file: str) -> str:
    """Say how an import ended of which no line is known."""
    return messages.ENDED_AT_IMPORT.format(file=file, what=_explain_ending(error))


def explain_failure(failed: FailedImport) -> str:
    """Say what keeps a module from being imported, where, and what to do."""
    error, place, code = failed.error, failed.place, failed.code
    if not isinstance(error, WorkerRaised):
        return messages.RAISED_AT_IMPORT.format(place=place, what=_explain_ending(error), inner="", code=code)
    what = _explain_exception(error)
    last = error.frames[-1] if failed.top in error.frames else failed.top
    inner = "" if last is failed.top else messages.INSIDE.format(last.function)
    if not inner and error.kind in REMEDIES:
        return _explain_encoding(failed) or messages.NO_SYNTAX.format(
            place=place, what=what, code=code, remedy=REMEDIES[error.kind]
        )
    if not inner and error.kind in ("ImportError", "ModuleNotFoundError"):
        what = FILE_IN_BRACKETS.sub("", what)
        bad = messages.BAD_IMPORT.format(place=place, what=what, code=code)
        return _explain_module(failed, error.text) or _explain_name(failed, error.text) or bad
    return messages.RAISED_AT_IMPORT.format(place=place, what=what, inner=inner, code=code)


def _explain_exception(error: WorkerRaised) -> str:
    """Say what was raised, or what was tried; what to do instead is not to do it at import."""
    if error.attempt:
        return messages.ATTEMPTS[error.attempt].full.format(who="the import", place="", where="").partition(";")[0]
    return f"{error.kind}: {error.text}" if error.text else error.kind


def _explain_ending(error: WorkerError) -> str:
    late = isinstance(error, WorkerEnded) and error.ending is Ending.LATE
    return messages.LATE_IMPORT.format(seconds=error.args[-1]) if late else explain_error(error).full


def _explain_encoding(failed: FailedImport) -> str:
    """Say which encoding a file has that Python cannot read; empty where its bytes are not the matter."""
    source = read_source(failed.package / failed.top.file)
    if source.startswith(UTF16):
        return messages.UTF16.format(file=failed.top.file)
    lines = source.split(b"\n")
    for number, line in enumerate(lines, 1):
        if b"\0" in line:
            return messages.NULL_BYTE.format(file=failed.top.file, line=number)
    if any(b"coding" in line for line in lines[:2]):  # what it names has been tried
        return ""
    for number, line in enumerate(lines, 1):
        try:
            line.decode()
        except UnicodeDecodeError as problem:
            byte = line[problem.start : problem.start + 1]
            letter = byte.decode("cp1252", "ignore")
            guess = messages.WINDOWS_LETTER.format(letter) if letter.isprintable() and letter else ""
            return messages.NO_UTF8.format(file=failed.top.file, line=number, byte=byte[0], guess=guess)
    return ""


def _explain_module(failed: FailedImport, text: str) -> str:
    """Say that a module is not there, or not for this question; empty where that is not the matter."""
    refused, named = REFUSED.match(text), NO_MODULE.match(text)
    facts = {"place": failed.place, "code": failed.code}
    top, _, inside = (named[1] if named else refused[1] if refused else "").partition(".")
    if named and top in failed.names:
        if not all(part.isidentifier() for part in inside.split(".")):  # a dot too many
            return ""
        known = [".".join(module.with_suffix("").parts) for module in list_modules(failed.package)]
        near = find_nearest(inside, known)
        remedy = messages.NEAREST.format(near) if near else messages.CORRECT_OR_ADD
        return messages.NO_OWN_MODULE.format(name=inside, package=failed.package.name, remedy=remedy, **facts)
    foreign = failed.libraries and top not in {*failed.libraries, *sys.stdlib_module_names}
    if top and (refused or foreign):
        meant = find_nearest(top, failed.libraries, MISSPELT)
        allowed = " and ".join(["the standard library", *failed.libraries])
        remedy = messages.NEAREST.format(meant) if meant else messages.USE_LIBRARIES.format(allowed)
        return messages.NOT_ALLOWED.format(library=top, remedy=remedy, **facts)
    return ""


def _explain_name(failed: FailedImport, text: str) -> str:
    """Say that a module of the package lacks a name, or imports the one that imports it; empty for other modules."""
    named = NO_NAME.match(text)
    top, _, module = named[3].partition(".") if named else ("", "", "")
    path = Path(*module.split("."))
    if named is None or top not in failed.names or not module.replace(".", "").isidentifier():
        return ""
    file = path.with_suffix(".py").as_posix()
    if named[2]:
        return messages.CIRCULAR.format(place=failed.place, file=file, code=failed.code)
    try:
        known = find_definitions(read_source(failed.package / file))
    except Unparsable:
        known = {}
    near = find_nearest(named[1], known)
    remedy = messages.NEAREST.format(near) if near else messages.CORRECT_OR_WRITE
    return messages.NO_OWN_NAME.format(place=failed.place, file=file, name=named[1], code=failed.code, remedy=remedy)
