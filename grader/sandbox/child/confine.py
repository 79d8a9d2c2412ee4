"""Confine a worker for good, before it runs a line of a student's code: the layers of `policy`, in order.

Landlock lets it read beneath some paths and touch no other file, no TCP port, no process outside. See Linux's
Documentation/userspace-api/landlock.rst; `handled` rights are those taken away where no rule gives them.
"""

import contextlib
import ctypes
import importlib.metadata
import os
import random
import re
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence

from ...limits import LANDLOCK_RULESETS, MEGABYTE, WORKER_DESCRIPTORS, WORKER_THREADS
from ..policy import Policy
from . import seccomp

CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # the same on every architecture
VERSION, PATH_BENEATH = 1, 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
# by ABI version: how many file rights, network rights and scopes it knows
RIGHTS = {1: (13, 0, 0), 2: (14, 0, 0), 3: (15, 0, 0), 4: (15, 2, 0), 5: (16, 2, 0), 6: (16, 2, 2)}
PACKAGE_FOLDERS = ("site-packages", "dist-packages")
REQUIREMENT = re.compile(r"[\w.-]+")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
# user ids that no account has and that container runtimes map: those systemd sets aside for passing services
FIRST_UID, LAST_UID = 61184, 65519
PDEATHSIG, DUMPABLE, NO_NEW_PRIVILEGES = 1, 4, 38
SIGKILL = 9
ZYGOTE_DIES, WORKER_DIES = 900, 1000  # of a thousand: judged workers first, the grader last


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
    """Rename, for all imports to come, folders other users cannot reach; return the first descriptor it left free.

    All but the engine's own, which is done with before the first fork. A folder that is open can be entered through its
    descriptor without passing the folders above it. So an interpreter in a private home folder serves workers under
    another user id. Nothing is copied, and no permission changed.
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
            place = os.path.realpath(entry)
            above = max((folder for folder in renamed if place.startswith(f"{folder}/")), key=len, default="")
            if above:
                module.__path__[number] = renamed[above] + place.removeprefix(above)
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


if sys.platform != "win32":
    import resource


def _prctl(option: int, value: int) -> None:
    """Set an attribute of this process, where it is one of Linux."""
    if _LIBC is not None and sys.platform.startswith("linux"):
        _LIBC.prctl(option, value, 0, 0, 0)


def forbid_dumps() -> None:
    """Close this process's memory, descriptors and environment in /proc to other processes of the same user."""
    _prctl(DUMPABLE, 0)


def die_first(score: int) -> None:
    """Have the kernel end this process, and those it forks, before others with a lower score when memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(score))


class Confinement:
    """Everything that can be prepared before workers are forked; `enter` is the worker's own way in."""

    def __init__(
        self,
        policy: Policy,
        libraries: list[str],
        path: list[str],
        folder: str,
        first_free: int,
        uids: Sequence[int],
    ) -> None:
        self._policy, self._folder, self._first_free, self._zygote = policy, folder, first_free, os.getpid()
        self._filter = seccomp.Filter() if "seccomp" in policy and seccomp.is_available() else None
        self._readable = readable_paths(libraries, path) if "landlock" in policy and read_version() else None
        self._rulesets: dict[tuple[str, ...], int] = {}
        self._first_uid, self._last_uid = uids or (0, 0)
        self._uid = random.randint(self._first_uid, self._last_uid)  # where zygotes share them, they start apart

    def prepare(self, places: tuple[str, ...]) -> None:
        """Make what the next worker, which may read these places too, will need."""
        self._uid = self._first_uid if self._uid == self._last_uid else self._uid + 1
        if self._readable is None or places in self._rulesets:
            return
        if len(self._rulesets) == LANDLOCK_RULESETS:
            os.close(self._rulesets.pop(next(iter(self._rulesets))))
        self._rulesets[places] = make_ruleset([*self._readable, *places])

    def enter(self, output: int, places: tuple[str, ...], limits: dict[str, int], judged: bool) -> None:
        """Put the layers on. Raise OSError when the kernel refuses one that it has."""
        policy = self._policy
        if "session" in policy:
            os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        ruleset = self._rulesets.get(places)
        if ruleset is not None:
            ruleset = os.dup2(ruleset, self._first_free)
        if "descriptors" in policy:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.closerange(self._first_free + (ruleset is not None), 256)
        if "environment" in policy:
            os.environ.clear()
            os.chdir(self._folder)
        own_uid = judged and "uid" in policy
        if "rlimits" in policy:
            die_first(WORKER_DIES if judged else ZYGOTE_DIES)
            limit_resources(limits | ({"threads": WORKER_THREADS} if own_uid else {}))
        if own_uid:
            os.setgroups([])
            os.setresgid(self._uid, self._uid, self._uid)
            os.setresuid(self._uid, self._uid, self._uid)
        if "privileges" in policy:
            _prctl(PDEATHSIG, SIGKILL)
            _prctl(DUMPABLE, 0)
            if os.getppid() != self._zygote:
                os._exit(70)  # it ended before this process could be told to end with it
        if "privileges" in policy or ruleset is not None or self._filter is not None:
            _prctl(NO_NEW_PRIVILEGES, 1)
        if ruleset is not None:
            restrict(ruleset)
            os.close(ruleset)
        if self._filter is not None:
            self._filter.put_on(os.getpid())


def limit_resources(limits: dict[str, int]) -> None:
    """Set the limits this platform knows, given as cpu_seconds, memory_mb, file_mb and, with an own uid, threads."""
    if sys.platform == "win32":
        return
    cpu = limits["cpu_seconds"]
    wanted = {
        "RLIMIT_CPU": (cpu, cpu + 1),
        "RLIMIT_FSIZE": (limits["file_mb"] * MEGABYTE,) * 2,
        "RLIMIT_NOFILE": (WORKER_DESCRIPTORS,) * 2,
        "RLIMIT_CORE": (0, 0),
    }
    if "threads" in limits:
        wanted["RLIMIT_NPROC"] = (limits["threads"],) * 2
    if sys.platform.startswith("linux"):
        wanted["RLIMIT_AS"] = (_address_space() + limits["memory_mb"] * MEGABYTE,) * 2
    for name, (soft, hard) in wanted.items():
        ceiling = resource.getrlimit(getattr(resource, name))[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(getattr(resource, name), (soft, hard))


def _address_space() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
