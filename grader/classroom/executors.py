"""Run jobs in slots, processes of this machine any of which may die, or on the workers of a Dask scheduler."""

import contextlib
import logging
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..course.manifest import Manifest
from ..errors import SandboxError, explain_not_installed
from ..files import make_printable
from ..limits import CLUSTER_SECONDS, JOB_MEMORY_MB, JOB_TRIES, MEGABYTE
from ..sandbox.parent.zygote_pool import THREADS
from ..sandbox.policy import cap_memory, list_memory_limits

# Defaults blame a bystander: a worker that dies has taken jobs ahead of time, and three deaths fail each of them.
SETTINGS = {
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 2,
    "distributed.worker.profile.enabled": False,  # it would look at a job's stack a hundred times a second
}


@dataclass(frozen=True)
class Settings:
    """How to run jobs: in how many slots, whether without isolation, on which scheduler's workers if any."""

    slots: int
    unsafe: bool = False
    scheduler: str = ""


@contextlib.contextmanager
def executing(settings: Settings, scratch: Path) -> Iterator[Sequence[Executor]]:
    """Yield what runs jobs, each one at a time. Raise SandboxError where a process cannot even start."""
    with contextlib.ExitStack() as stack:
        if settings.scheduler:
            yield stack.enter_context(_connecting(settings.scheduler, settings.slots, scratch))
            return
        os.environ.update({f"{name}_NUM_THREADS": "1" for name in THREADS})  # slots share the cores
        slots = [stack.enter_context(Slot(scratch)) for _ in range(settings.slots)]
        for _ in range(JOB_TRIES):
            with contextlib.suppress(BrokenExecutor):
                slots[0].submit(os.getpid).result()
                break
        else:
            raise SandboxError("a process that grades could not start; what it says is above")
        yield slots


def count_slots(manifest: Manifest, wanted: int | None = None) -> tuple[int, str]:
    """Return how many jobs this machine takes at a time, as `wanted` or one a core, and why memory allows no more."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = min([int(lines["MemAvailable"].split()[0]) * 1024 // MEGABYTE, *list_memory_limits()])
    except (OSError, KeyError, ValueError):
        return wanted or cores, ""
    # one of them may fill what a worker is allowed, and all need their libraries
    most = cap_memory(manifest.limits.memory_mb)
    room = max(1, (free - most) // JOB_MEMORY_MB)
    if (wanted or 0) <= room:
        return min(wanted or cores, room), ""
    need = f"{most / 1024:.1f} GB for one that fills its memory and {JOB_MEMORY_MB} MB for each"
    return room, f"{room} instead of {wanted} at a time: jobs need {need}, and {free / 1024:.1f} GB are free"


@contextlib.contextmanager
def ending_at_signals() -> Iterator[None]:
    """Have a request to terminate do what Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _connecting(scheduler: str, slots: int, scratch: Path) -> Iterator[Sequence[Executor]]:
    """Yield an executor for each of a scheduler's workers, `local` for as many on this machine as there are slots.

    Raise SandboxError where no worker comes, NotInstalled without the extra.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise explain_not_installed("class", "a cluster") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what becomes of a cluster is told in one line
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(SETTINGS))
        address = scheduler
        if scheduler == "local":
            options: dict[str, Any] = {
                "n_workers": slots,
                "threads_per_worker": 1,
                "memory_limit": 0,
                "dashboard_address": "127.0.0.1:0",
            }
            options |= {"processes": True, "silence_logs": 50, "local_directory": os.fspath(scratch)}
            before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # workers inherit it: Ctrl-C is for this process
            try:
                address = stack.enter_context(LocalCluster(**options)).scheduler_address
            finally:
                signal.signal(signal.SIGINT, before)
        try:
            client = stack.enter_context(Client(address, timeout=CLUSTER_SECONDS))
        except (OSError, ValueError) as error:
            reason = f"no scheduler answers at {make_printable(address)!r} ({type(error).__name__})"
            remedy = "start one with dask scheduler, and give the address that it tells, such as tcp://head:8786"
            raise SandboxError(f"{reason}; {remedy}") from None
        try:
            client.wait_for_workers(1, timeout=CLUSTER_SECONDS)
        except TimeoutError:
            start = f"start one with: dask worker {address} --nthreads 1 --memory-limit 0"
            raise SandboxError(f"the scheduler at {address} has no worker; {start}") from None
        yield [client.get_executor(pure=False, retries=0)] * max(slots, len(client.nthreads()))


def prepare_slot(folder: str) -> None:
    """Make this process one that grades: it ends with whoever started it, and leaves files where they are removed."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started it
    tempfile.tempdir = folder


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@dataclass
class Slot(Executor):
    """Runs one job at a time in a process, whose death costs only this job: the next one gets another process.

    Temporary files lie in `folder`, which workers must be able to reach.
    """

    folder: Path
    _pool: ProcessPoolExecutor | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a function run in the process."""
        if self._pool is not None:
            with contextlib.suppress(BrokenExecutor):  # its process has died
                return self._pool.submit(fn, *args, **kwargs)
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, context, prepare_slot, (str(self.folder),))
        return self._pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the process at once: what a job has not written yet is graded again."""
        if self._pool is not None:
            for process in list((self._pool._processes or {}).values()):
                process.kill()
            self._pool.shutdown(wait, cancel_futures=True)
