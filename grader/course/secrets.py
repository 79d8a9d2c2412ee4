"""Read secrets of 128 bits, one in a file, which an instructor's copy makes for itself."""

import os
import re
import secrets
from pathlib import Path

from ..errors import CourseError

BITS = 128


def read_or_make(file: Path) -> bytes:
    """Return the secret in a file, 16 bytes; draw it, for the file's owner alone, where there is no such file.

    Raise CourseError for a file of something else, so that nothing is ever derived from less.
    """
    if not file.is_file():
        _make(file)
    text = file.read_bytes().strip()
    if not re.fullmatch(rb"[0-9a-f]{%d}" % (BITS // 4), text):
        raise CourseError(f"{file} holds no secret of {BITS} bits; delete it, and another is made")
    return bytes.fromhex(text.decode())


def _make(file: Path) -> None:
    """Write a new secret aside and gives it its name; where another process was quicker, that one's stays."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(f"{secrets.token_hex(BITS // 8)}\n")
        try:
            os.link(aside, file)
        except FileExistsError:
            pass
        except OSError:  # a file system without second names
            os.replace(aside, file)
    finally:
        aside.unlink(missing_ok=True)
