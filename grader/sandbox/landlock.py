"""Landlock: a worker may read beneath some paths and touch no other file, no TCP port, no process outside.

See Linux's Documentation/userspace-api/landlock.rst; `handled` rights are those taken away where no rule gives them.
"""

import ctypes
import os
from collections.abc import Iterable

CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # the same on every architecture
VERSION, PATH_BENEATH = 1, 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
# by ABI version: how many file rights, network rights and scopes it knows
RIGHTS = {1: (13, 0, 0), 2: (14, 0, 0), 3: (15, 0, 0), 4: (15, 2, 0), 5: (16, 2, 0), 6: (16, 2, 2)}


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


_syscall = getattr(ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None, "syscall", None)


def version() -> int:
    """The kernel's Landlock ABI version; 0 where it has none or it is switched off."""
    return max(_syscall(CREATE, None, ctypes.c_size_t(0), VERSION), 0) if _syscall else 0


def ruleset(paths: Iterable[str]) -> int:
    """A descriptor for the right to read beneath these paths and nothing else; paths that are not there are left out.

    Raises OSError where the kernel refuses.
    """
    files, network, scopes = RIGHTS[min(version(), max(RIGHTS))]
    wanted = _Ruleset((1 << files) - 1, (1 << network) - 1, (1 << scopes) - 1)
    size = 8 * (1 + bool(network) + bool(scopes))
    made = _checked(_syscall(CREATE, ctypes.byref(wanted), ctypes.c_size_t(size), 0))
    for path in paths:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        allowed = READ_FILE | READ_DIR if os.path.isdir(path) else READ_FILE
        rule = _PathBeneath(allowed, place)
        _checked(_syscall(ADD_RULE, made, PATH_BENEATH, ctypes.byref(rule), 0))
        os.close(place)
    return made


def restrict(made: int) -> None:
    """Confines the calling thread and all it starts, for good; needs no_new_privs. Raises OSError when refused."""
    _checked(_syscall(RESTRICT, made, 0))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result
