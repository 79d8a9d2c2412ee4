"""Landlock: a worker may read beneath some paths and touch no other file, no TCP port, no process outside.

See Linux's Documentation/userspace-api/landlock.rst; `handled` rights are those taken away where no rule gives them.
"""

import ctypes
import importlib.metadata
import os
import re
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator

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


_LIBC = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def _syscall(number: int, *arguments: object) -> int:
    """Make a system call, which fails where the system is none that has it."""
    return -1 if _LIBC is None else int(_LIBC.syscall(number, *arguments))


def read_version() -> int:
    """Return the kernel's Landlock ABI version; 0 where it has none or it is switched off."""
    return max(_syscall(CREATE, None, ctypes.c_size_t(0), VERSION), 0)


def make_ruleset(paths: Iterable[str]) -> int:
    """Return a descriptor for the right to read beneath these paths only; leave out paths that are not there.

    Raise OSError where the kernel refuses.
    """
    files, network, scopes = RIGHTS[min(read_version(), max(RIGHTS))]
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
    """Confine the calling thread and all it starts, for good; needs no_new_privs. Raise OSError when refused."""
    _checked(_syscall(RESTRICT, made, 0))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result


PACKAGE_FOLDERS = ("site-packages", "dist-packages")
REQUIREMENT = re.compile(r"[\w.-]+")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


def readable_paths(libraries: Iterable[str], path: Iterable[str]) -> list[str]:
    """Return the files and folders to read beneath; `path` is where installed libraries lie."""
    return [*DEVICES, *_list_standard_library(), *_list_installed(libraries, list(path))]


def is_reachable(place: str) -> bool:
    """Return whether every user can enter the folder and the folders above it."""
    while True:
        if not os.stat(place).st_mode & stat.S_IXOTH:
            return False
        if place == (place := os.path.dirname(place)):
            return True


def name_by_descriptor(first: int, engine: str) -> int:
    """Renames, for all imports to come, folders other users cannot reach; returns the first descriptor it left free.

    All but the engine's own, which is done with before the first fork. A folder that is open can be entered through its
    descriptor without passing the folders above it; so an interpreter in a private home folder serves workers under
    another user id, with nothing copied and no permission changed.
    Raise OSError where descriptor `first` is taken.
    """
    renamed = {}
    for place in dict.fromkeys(map(os.path.realpath, sys.path)):
        if os.path.isdir(place) and place != engine and not is_reachable(place):
            descriptor = os.open(place, os.O_PATH | os.O_DIRECTORY)
            if descriptor != first:
                raise OSError(f"descriptor {first} is in use")
            renamed[place], first = f"/proc/self/fd/{descriptor}", first + 1
    sys.path[:] = [renamed.get(os.path.realpath(entry), entry) for entry in sys.path]
    for module in list(sys.modules.values()):
        for number, entry in enumerate(getattr(module, "__path__", [])):
            place, name = os.path.split(os.path.realpath(entry))
            if place in renamed:
                module.__path__[number] = os.path.join(renamed[place], name)
    sys.path_importer_cache.clear()
    return first


def _list_standard_library() -> Iterator[str]:
    """Yield its entries one by one, since the folder of installed libraries may lie inside."""
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        with os.scandir(folder) as entries:
            yield from (entry.path for entry in entries if entry.name not in PACKAGE_FOLDERS)


def _list_installed(libraries: Iterable[str], path: list[str]) -> Iterator[str]:
    """Yield the top-level entries, where they are installed, of distributions and of all they require."""
    left, seen = list(libraries), set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        distribution = next(iter(importlib.metadata.distributions(name=name, path=path)), None)
        if distribution is None:
            continue  # required on other platforms only, or not installed
        required = [line for line in distribution.requires or [] if "extra ==" not in line]
        left += [found[0] for found in map(REQUIREMENT.match, required) if found is not None]
        tops = {line.partition("/")[0] for line in (distribution.read_text("RECORD") or "").splitlines()}
        for top in tops - {"", "..", "__pycache__"}:
            yield str(distribution.locate_file(top.partition(",")[0]))
