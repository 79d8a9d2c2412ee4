"""What a worker gives up before it runs a student's line: session, descriptors, environment, folder and resources.

Layers that need the kernel's help (own uid, Landlock, seccomp) belong here too; `active` names those in force.
"""

import os
import sys

try:
    import resource
except ImportError:  # Windows has no resource limits
    resource = None

MEGABYTE = 1024 * 1024


def active() -> list[str]:
    """Returns the names of the layers this machine gets."""
    return ["session", "descriptors", "environment", "deadline"] + (["rlimits"] if resource else [])


def enter(output: int, folder: str, keep: int, limits: dict[str, int]) -> None:
    """Confines the calling process for good; `limits` has cpu_seconds, memory_mb and file_mb."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(keep + 1, 256)
    os.environ.clear()
    os.chdir(folder)
    restrict(limits)


def restrict(limits: dict[str, int]) -> None:
    """Sets the resource limits that this platform knows."""
    if resource is None:
        return
    cpu = limits["cpu_seconds"]
    wanted = {
        "RLIMIT_CPU": (cpu, cpu + 1),
        "RLIMIT_FSIZE": (limits["file_mb"] * MEGABYTE,) * 2,
        "RLIMIT_NOFILE": (64, 64),
        "RLIMIT_CORE": (0, 0),
    }
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
