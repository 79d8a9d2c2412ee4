"""How much memory a container leaves this process, and what of it a worker may take."""

from pathlib import Path

MEGABYTE = 1024 * 1024
SHARE = 3  # the grader, its zygotes and the reference's worker need the rest
CGROUPS = Path("/sys/fs/cgroup")


def worker_mb(wanted: int, cgroups: Path = CGROUPS) -> int:
    """The megabytes a worker gets: those wanted, in a container at most a third of its limit."""
    limits = [_number(file) for file in (cgroups / "memory.max", cgroups / "memory/memory.limit_in_bytes")]
    limits += [_number(file) for file in _own_group(cgroups)]
    return min([wanted, *(limit // MEGABYTE // SHARE for limit in limits if limit)])


def _own_group(cgroups: Path) -> list[Path]:
    """The limit files of the group this process is in, where the container does not show it as the root."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    groups = {names: path.lstrip("/") for _, names, path in (line.split(":", 2) for line in lines)}
    second, first = groups.get("", ""), groups.get("memory", "")
    return [cgroups / second / "memory.max", cgroups / "memory" / first / "memory.limit_in_bytes"]


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None  # no such file, or "max"
