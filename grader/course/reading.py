"""Reads a submission's files within bounds: regular files only, of a capped size, and parsed without an exception."""

import ast
import errno
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..limits import FOLDER_LEVELS, FOLDERS, NAME_CHARACTERS, SOURCE_BYTES

FLAGS = ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")  # those this system has


class Unreadable(OSError):
    """A file is no regular file; `strerror` says so."""


class Unparsable(ValueError):
    """A source cannot be parsed; the text says why, `line` where."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.line = line


class TooLarge(Unparsable):
    """A source is not parsed because of its size; Python itself may well read it."""


def open_regular(file: Path, follow: bool = True) -> BinaryIO:
    """Opens a regular file for reading; a pipe or a device is never waited for. Raises OSError, Unreadable for these.

    Without `follow`, a symbolic link is refused too.
    """
    flags = os.O_RDONLY
    for name in (*FLAGS, *["O_NOFOLLOW"] * (not follow)):
        flags |= getattr(os, name, 0)
    try:
        if not stat.S_ISREG((os.stat if follow else os.lstat)(file).st_mode):  # opening a device may do something
            raise Unreadable(errno.EINVAL, "it is no regular file")
        handle = os.open(file, flags)
    except ValueError as error:  # a null byte
        raise Unreadable(errno.EINVAL, str(error)) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unreadable(errno.EINVAL, "it is no regular file")
    return os.fdopen(handle, "rb")


def read(file: Path, most: int) -> bytes:
    """The first `most` bytes of a regular file; raises OSError."""
    with open_regular(file) as stream:
        return stream.read(most)


def read_source(file: Path) -> bytes:
    """A module's bytes, empty where it cannot be read; a large one is cut off where `parse` refuses it."""
    try:
        return read(file, SOURCE_BYTES + 1)
    except OSError:
        return b""


def parse(source: bytes) -> ast.Module:
    """The syntax tree of a module; raises Unparsable, whatever the source holds."""
    if len(source) > SOURCE_BYTES:
        raise TooLarge(f"it is larger than {SOURCE_BYTES // 1024} kB")
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(source)
    except SyntaxError as problem:
        raise Unparsable(problem.msg, problem.lineno or 1) from None
    except (ValueError, RecursionError, MemoryError) as problem:
        raise Unparsable(str(problem) or "it is nested too deeply") from None


def python_files(package: Path) -> Iterator[Path]:
    """The modules of a package, as paths in it, sorted in each folder; deep or many folders are cut short."""
    waiting, seen = [Path()], 0
    while waiting and seen < FOLDERS:
        folder, seen = waiting.pop(), seen + 1
        try:
            entries = sorted(os.scandir(package / folder), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if not is_utf8(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                if len(folder.parts) < FOLDER_LEVELS:
                    waiting.append(folder / entry.name)
            elif entry.name.endswith(".py") and entry.is_file():
                yield folder / entry.name


def is_utf8(name: str) -> bool:
    """Whether a path can be written into a report: none of its bytes was undecodable."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str, longest: int = NAME_CHARACTERS) -> str:
    """A name a submission chose, fit for a sentence: on one line, escaped where it cannot be shown, not too long."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"
