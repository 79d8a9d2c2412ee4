"""What the engine costs: wall clock and CPU of check and grade, memory of all their processes, a worker, a call."""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from grader.course import manifest as manifests
from grader.grading import run
from grader.sandbox.parent.client import launch_worker
from grader.sandbox.parent.zygote_pool import Zygote, ZygotePool
from grader.sandbox.policy import KERNEL, Policy, WorkerLimits
from grader.submission.unpack import unpack_submission

ROOT = Path(__file__).resolve().parents[1]
MEGABYTE = 1024 * 1024
NUMPY = ["-q", "Q1", "-q", "Q2", "-q", "Q3", "-q", "Q4"]
COMMANDS = {
    "check, NumPy questions, --no-timing": (["check", "--student", "reference", *NUMPY, "--no-timing"], "3 s"),
    "check, NumPy questions": (["check", "--student", "reference", *NUMPY], "6 s"),
    "check -q Q2 --no-timing": (["check", "--student", "reference", "-q", "Q2", "--no-timing"], "1.5 s"),
    "check, everything": (["check", "--student", "reference"], ""),
    "grade, everything": (["grade", "{zip}", "--out", "{out}"], "10 s CPU, 600 MB"),
}


def main() -> None:
    """Prints both tables."""
    console = Console()
    commands = Table("command", "wall s", "CPU s", "peak MB (PSS)", "goal", title="Commands on the reference")
    with tempfile.TemporaryDirectory() as folder:
        submission = zip_reference(Path(folder))
        for name, (arguments, goal) in COMMANDS.items():
            filled = [a.format(zip=submission, out=Path(folder) / "results.json") for a in arguments]
            wall, cpu, peak = measure([sys.executable, "-m", "grader", *filled])
            commands.add_row(name, f"{wall:.2f}", f"{cpu:.2f}", f"{peak:.0f}", goal)
    console.print(commands)
    console.print(workers())
    console.print(isolation())


def measure(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds of the process and all it collected, and the peak of the memory of all together."""
    before, started, peak = children_cpu(), time.monotonic(), 0.0
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, memory(psutil.Process(process.pid)))
        time.sleep(0.1)
    return time.monotonic() - started, children_cpu() - before, peak


def children_cpu() -> float:
    """CPU seconds of every child collected so far."""
    times = psutil.Process().cpu_times()
    return times.children_user + times.children_system


def memory(root: psutil.Process) -> float:
    """Megabytes of a process and its descendants, shared pages counted once."""
    total = 0
    try:
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0.0
    for process in family:
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
            continue
    return total / MEGABYTE


def zip_reference(folder: Path) -> Path:
    """A submission holding the reference."""
    target = folder / "reference.zip"
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted((ROOT / "reference").rglob("*.py")):
            archive.write(file, Path("student") / file.relative_to(ROOT / "reference"))
    return target


def workers(repeats: int = 30) -> Table:
    """The cost of a fresh worker, and of a call that carries 1 MB each way."""
    zygote, fresh, calls = Zygote(("numpy",)), [], []
    one_megabyte = np.zeros(MEGABYTE // 8)
    for _ in range(repeats):
        started = time.perf_counter()
        worker = launch_worker(zygote, ROOT / "reference", "reference", WorkerLimits())
        worker.load(zygote.libraries)
        worker.start(0)
        fresh.append(time.perf_counter() - started)
        relu = worker.root().layers.relu_forward
        started = time.perf_counter()
        relu(one_megabyte)
        calls.append(time.perf_counter() - started)
        worker.kill()
    zygote.close()
    table = Table("", "median ms", "least ms", "goal", title=f"Workers, {repeats} repeats")
    table.add_row("fresh worker, package loaded", *milliseconds(fresh), "20 ms")
    table.add_row("relu_forward on 1 MB, there and back", *milliseconds(calls), "2 ms above the call itself")
    return table


def isolation(repeats: int = 3) -> Table:
    """A whole graded run with every layer against one without those of the kernel, in turns."""
    everything = Policy.full()
    policies = {"every layer": everything, f"without {', '.join(KERNEL)}": everything.without(*KERNEL)}
    seconds: dict[str, list[float]] = {name: [] for name in policies}
    manifest = manifests.load_manifest(ROOT / manifests.FILENAME)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        package = unpack_submission(zip_reference(Path(folder)), manifest, Path(folder)).package
        for _ in range(repeats):
            for name, policy in policies.items():
                started = time.monotonic()
                with contextlib.closing(ZygotePool(policy)) as zygotes:
                    run.grade_package(manifest, package, run.Selection(secret_seeds=["a", "b"]), zygotes=zygotes)
                seconds[name].append(time.monotonic() - started)
    table = Table("", "wall s", "ratio", title=f"A graded run, {repeats} in turns, median", caption="goal: 1.15")
    with_all, without = (statistics.median(walls) for walls in seconds.values())
    for name, wall in zip(seconds, (with_all, without)):
        table.add_row(name, f"{wall:.1f}", f"{wall / without:.2f}")
    return table


def milliseconds(seconds: list[float]) -> tuple[str, str]:
    """Median and minimum."""
    return f"{1e3 * statistics.median(seconds):.1f}", f"{1e3 * min(seconds):.1f}"


if __name__ == "__main__":
    main()
