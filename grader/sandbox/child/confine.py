"""Confine a worker for good, before it runs a line of a student's code: the layers of `policy`, in order."""

import contextlib
import ctypes
import os
import random
import sys

from ...limits import LANDLOCK_RULESETS, MEGABYTE, WORKER_DESCRIPTORS, WORKER_THREADS
from ..policy import Policy
from . import landlock, seccomp

if sys.platform != "win32":
    import resource

# user ids that no account has and that container runtimes map: those systemd sets aside for passing services
FIRST_UID, LAST_UID = 61184, 65519
PDEATHSIG, DUMPABLE, NO_NEW_PRIVILEGES = 1, 4, 38
SIGKILL = 9
ZYGOTE_DIES, WORKER_DIES = 900, 1000  # of a thousand: judged workers first, the grader last


_PRCTL = ctypes.CDLL(None).prctl if sys.platform.startswith("linux") else None


def _prctl(option: int, value: int) -> None:
    """Set an attribute of this process, where it is one of Linux."""
    if _PRCTL is not None:
        _PRCTL(option, value, 0, 0, 0)


def forbid_dumps() -> None:
    """Close this process's memory, descriptors and environment in /proc to other processes of the same user."""
    _prctl(DUMPABLE, 0)


def die_first(score: int) -> None:
    """Have the kernel end this process, and those it forks, before others with a lower score when memory runs out."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write(str(score))


class Confinement:
    """Everything that can be prepared before workers are forked; `enter` is the worker's own way in."""

    def __init__(self, policy: Policy, libraries: list[str], path: list[str], folder: str, first_free: int) -> None:
        self._policy, self._folder, self._first_free, self._zygote = policy, folder, first_free, os.getpid()
        self._filter = seccomp.Filter() if "seccomp" in policy and seccomp.is_available() else None
        self._readable = (
            landlock.readable_paths(libraries, path) if "landlock" in policy and landlock.read_version() else None
        )
        self._rulesets: dict[tuple[str, ...], int] = {}
        self._uid = random.randint(FIRST_UID, LAST_UID)  # runs side by side start apart

    def prepare(self, places: tuple[str, ...]) -> None:
        """Make what the next worker, which may read these places too, will need."""
        self._uid = FIRST_UID if self._uid == LAST_UID else self._uid + 1
        if self._readable is None or places in self._rulesets:
            return
        if len(self._rulesets) == LANDLOCK_RULESETS:
            os.close(self._rulesets.pop(next(iter(self._rulesets))))
        self._rulesets[places] = landlock.make_ruleset([*self._readable, *places])

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
            landlock.restrict(ruleset)
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
