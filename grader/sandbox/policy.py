"""The layers and limits of a worker: their names, what official grading needs of them, what a worker may use."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from ..limits import CALL_SECONDS, CPU_SECONDS, MEGABYTE, MEMORY_MB, WORKER_FILE_MB, WORKER_MEMORY_SHARE

# in the order in which a worker puts them on; each with what it is for
LAYERS = {
    "session": "a session and process group of its own, ended as a whole from outside at the deadline",
    "descriptors": "no descriptor but its socket; what it prints goes into a capped pipe",
    "environment": "no environment variable, and an empty folder to stand in",
    "rlimits": "bounded memory, CPU time, file size, descriptors, threads; no core dump",
    "uid": "an unprivileged user id that no other process has",
    "privileges": "no new privileges, not dumpable, ended with the process that made it",
    "landlock": "reads only the interpreter, the question's libraries and the package; writes nothing; no network",
    "seccomp": "system calls of an allowlist only: threads but no processes, no sockets, no signal to others",
}
KERNEL = ("uid", "privileges", "landlock", "seccomp")  # what only Linux has
OTHER_SYSTEMS = {"darwin": "macOS", "win32": "Windows"}


@dataclass(frozen=True)
class Policy:
    """The layers asked for; which of them this machine can give is found out by trying."""

    layers: frozenset[str]

    def __contains__(self, layer: str) -> bool:
        return layer in self.layers

    def without(self, *layers: str) -> "Policy":
        """Return the same with some layers left out. Raise ValueError for a name that no layer has."""
        for layer in set(layers).difference(LAYERS):
            raise ValueError(f"there is no layer {layer!r}; choose from {', '.join(LAYERS)}")
        return Policy(self.layers.difference(layers))

    @classmethod
    def full(cls) -> "Policy":
        """Return every layer this platform and user can have; for official grading."""
        layers = set(LAYERS)
        if not sys.platform.startswith("linux"):
            layers -= set(KERNEL)
        elif os.geteuid() != 0:
            layers.discard("uid")
        return cls(frozenset(layers))

    @classmethod
    def own_machine(cls) -> "Policy":
        """Return every layer but the user id: a package may lie where nobody but its user can read it."""
        return cls.full().without("uid")

    @classmethod
    def open(cls) -> "Policy":
        """Return no layer at all, only a process: for showing that an attack works where nothing stops it."""
        return cls(frozenset())


def why_too_weak(active: list[str]) -> str:
    """Return why official grading with these active layers would be refused; empty when it would not."""
    if not sys.platform.startswith("linux"):
        name = OTHER_SYSTEMS.get(sys.platform, sys.platform)
        held = "a deadline and limits on CPU time and file size" if "rlimits" in active else "a deadline"
        return (
            f"{name} has no Landlock, no seccomp and no user ids for workers, only {held}: "
            "enough for your own code, not for that of others"
        )
    if "seccomp" not in active:
        return "seccomp is missing, so student code could start processes, open sockets and signal others"
    if not {"uid", "landlock"} & set(active):
        return "neither a user id of its own nor Landlock is there, so student code could read the answers"
    return ""


@dataclass(frozen=True)
class WorkerLimits:
    """The resources of a worker: seconds of wall clock per call, seconds of CPU, megabytes on top of what is loaded."""

    call_seconds: float = CALL_SECONDS
    cpu_seconds: int = CPU_SECONDS
    memory_mb: int = MEMORY_MB
    file_mb: int = WORKER_FILE_MB


CGROUPS = Path("/sys/fs/cgroup")


def list_memory_limits(cgroups: Path = CGROUPS) -> list[int]:
    """Return the megabytes that a container may use; nothing where this is none, or it is not limited."""
    found = (_read_number(file) for file in (cgroups / "memory.max", cgroups / "memory/memory.limit_in_bytes"))
    return [limit // MEGABYTE for limit in found if limit]


def cap_memory(wanted: int, cgroups: Path = CGROUPS) -> int:
    """Return the megabytes a worker gets: those wanted, in a container at most a third of its limit."""
    return min([wanted, *(limit // WORKER_MEMORY_SHARE for limit in list_memory_limits(cgroups))])


def _read_number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None  # no such file, or "max"
