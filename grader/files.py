"""Read files that nobody vouches for, and show names that nobody vouches for."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from .limits import NAME_CHARACTERS

FLAGS = ("O_NONBLOCK", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")  # those this system has


class Unreadable(OSError):
    """A file is not a regular file; `strerror` says so."""


def open_regular(file: Path, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading. Raise OSError, and Unreadable for a pipe or a device, which is never waited for.

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


def read_start(file: Path, most: int) -> bytes:
    """Return the first `most` bytes of a regular file. Raise OSError."""
    with open_regular(file) as stream:
        return stream.read(most)


def is_utf8(name: str) -> bool:
    """Return whether a path can be written into a report: none of its bytes was undecodable."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def make_printable(name: str, longest: int = NAME_CHARACTERS) -> str:
    """Return a name for a sentence: on one line, escaped where it cannot be shown, and not too long."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name[: longest + 1])
    return shown if len(shown) <= longest else f"{shown[:longest]}…"
