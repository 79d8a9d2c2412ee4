"""Limits of a container for what a test starts: cgroups (version 1 or 2) where they can be made, else rlimits."""

import contextlib
import itertools
import os
import resource
import signal
import subprocess
import time
from pathlib import Path

import psutil

MEGABYTE = 1024 * 1024
CGROUPS = Path("/sys/fs/cgroup")
NUMBERS = itertools.count()
PERIOD = 100_000  # microseconds


class Box:
    """Bounds memory and CPU of what is started in it, and knows what that used; `kind` says by which means."""

    def __init__(self, memory_mb: int = 768, cores: float = 0.5) -> None:
        self.memory, self.cores, self._name = memory_mb * MEGABYTE, cores, f"chainrule-{os.getpid()}-{next(NUMBERS)}"
        self._groups: list[Path] = []
        self._children: list[subprocess.Popen] = []
        self._used = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            self.kind = self._make()
        except OSError:
            self.close()
            self.kind = "rlimits"

    def start(self, command: list[str], **options) -> subprocess.Popen:
        """Starts a command in the box, in a session of its own."""
        process = subprocess.Popen(command, preexec_fn=self._enter, start_new_session=True, **options)
        self._children.append(process)
        return process

    def kill(self) -> None:
        """Ends everything in the box at once, as a container's end does."""
        for _ in range(50):
            left = self._processes()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for child in self._children:
                child.poll()
            if not left:
                return
            time.sleep(0.02)

    def cpu_seconds(self) -> float:
        """CPU time used in the box so far."""
        if self.kind == "cgroup v1":
            return int((CGROUPS / "cpuacct" / self._name / "cpuacct.usage").read_text()) / 1e9
        if self.kind == "cgroup v2":
            fields = dict(line.split() for line in (self._groups[0] / "cpu.stat").read_text().splitlines())
            return int(fields["usage_usec"]) / 1e6
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime - self._used.ru_utime - self._used.ru_stime

    def peak_mb(self) -> float:
        """Most memory used at once; without cgroups that of the largest process."""
        for group in self._groups:
            for name in ("memory.max_usage_in_bytes", "memory.peak"):
                if (group / name).is_file():
                    return int((group / name).read_text()) / MEGABYTE
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024

    def close(self) -> None:
        """Ends what is left and removes the groups."""
        self.kill()
        for group in self._groups:
            for _ in range(50):
                with contextlib.suppress(OSError):
                    group.rmdir()
                    break
                time.sleep(0.02)
        self._groups = []

    def __enter__(self) -> "Box":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _make(self) -> str:
        quota = int(self.cores * PERIOD)
        controllers = CGROUPS / "cgroup.controllers"
        if controllers.is_file():
            group = self._group(CGROUPS)
            (group / "memory.max").write_text(str(self.memory))
            (group / "cpu.max").write_text(f"{quota} {PERIOD}")
            return "cgroup v2"
        memory, cpu, _ = [self._group(CGROUPS / name) for name in ("memory", "cpu", "cpuacct")]
        (memory / "memory.limit_in_bytes").write_text(str(self.memory))
        (cpu / "cpu.cfs_period_us").write_text(str(PERIOD))
        (cpu / "cpu.cfs_quota_us").write_text(str(quota))
        return "cgroup v1"

    def _group(self, parent: Path) -> Path:
        group = parent / self._name
        group.mkdir(exist_ok=True)  # controllers may share one hierarchy
        self._groups.append(group)
        return group

    def _enter(self) -> None:
        for group in self._groups:
            (group / "cgroup.procs").write_text(str(os.getpid()))
        if not self._groups:
            resource.setrlimit(resource.RLIMIT_DATA, (self.memory, self.memory))

    def _processes(self) -> list[int]:
        if self._groups:
            return [int(line) for line in (self._groups[0] / "cgroup.procs").read_text().split()]
        found = []
        for child in self._children:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [p.pid for p in (psutil.Process(child.pid), *psutil.Process(child.pid).children(True))]
        return [pid for pid in found if psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"]
