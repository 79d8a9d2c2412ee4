"""What a worker may read: the standard library and the question's libraries with all they require, nothing else.

The engine is not among it: it is loaded before the first fork, and what lies beside it is not for workers.
"""

import importlib.metadata
import os
import re
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator

PACKAGE_FOLDERS = ("site-packages", "dist-packages")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")


def readable(libraries: Iterable[str], path: Iterable[str]) -> list[str]:
    """The files and folders to read beneath; `path` is where installed libraries lie."""
    return [*DEVICES, *_standard_library(), *_installed(libraries, list(path))]


def reachable(place: str) -> bool:
    """Whether every user can enter the folder and the folders above it."""
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
    Raises OSError where descriptor `first` is taken.
    """
    renamed = {}
    for place in dict.fromkeys(map(os.path.realpath, sys.path)):
        if os.path.isdir(place) and place != engine and not reachable(place):
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


def _standard_library() -> Iterator[str]:
    """Its entries one by one, since the folder of installed libraries may lie inside."""
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}:
        with os.scandir(folder) as entries:
            yield from (entry.path for entry in entries if entry.name not in PACKAGE_FOLDERS)


def _installed(libraries: Iterable[str], path: list[str]) -> Iterator[str]:
    """The top-level entries, where they are installed, of distributions and of all they require."""
    left, seen = list(libraries), set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        distribution = next(iter(importlib.metadata.distributions(name=name, path=path)), None)
        if distribution is None:
            continue  # required on other platforms only, or not installed
        left += [re.match(r"[\w.-]+", line)[0] for line in distribution.requires or [] if "extra ==" not in line]
        tops = {line.partition("/")[0] for line in (distribution.read_text("RECORD") or "").splitlines()}
        for top in tops - {"", "..", "__pycache__"}:
            yield str(distribution.locate_file(top.partition(",")[0]))
