"""Run jobs in slots, processes of this machine any of which may die, or on the workers of a Dask scheduler."""

import contextlib
import logging
import multiprocessing
import os
import signal
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..course.manifest import Manifest
from ..errors import ChainruleError, SandboxError, explain_not_installed
from ..files import make_printable
from ..limits import CLUSTER_SECONDS, JOB_MEMORY_MB, JOB_TRIES, MEGABYTE
from ..sandbox.parent.zygote_pool import THREADS

# Defaults blame a bystander: a worker that dies has taken jobs ahead of time, and three deaths fail each of them.
SETTINGS = {
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 2,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.profile.enabled": False,  # it would look at a job's stack a hundred times a second
}


@dataclass(frozen=True)
class Settings:
    """How to run jobs: in how many slots, whether without isolation, on which scheduler's workers if any."""

    slots: int
    unsafe: bool = False
    scheduler: str = ""


@contextlib.contextmanager
def executing(settings: Settings, scratch: Path) -> Iterator[tuple[Executor, int]]:
    """Yield what runs jobs, and how many at a time. Raise SandboxError where a process cannot even start."""
    if settings.scheduler:
        with _connecting(settings.scheduler, settings.slots, scratch) as found:
            yield found
        return
    executor = SlotPool(settings.slots, scratch)
    try:
        for _ in range(JOB_TRIES):
            with contextlib.suppress(BrokenExecutor):
                executor.submit(os.getpid).result()
                break
        else:
            raise SandboxError("a process that grades could not start; what it says is above")
        yield executor, settings.slots
    finally:
        executor.shutdown()


def count_slots(manifest: Manifest, wanted: int | None = None) -> tuple[int, str]:
    """Return how many jobs this machine takes at a time, as `wanted` or one a core, and why memory allows no more."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024 // MEGABYTE
    except (OSError, KeyError, ValueError):
        return wanted or cores, ""
    # one of them may fill what a worker is allowed, and all need their libraries
    room = max(1, (free - manifest.limits.memory_mb) // JOB_MEMORY_MB)
    if (wanted or 0) <= room:
        return min(wanted or cores, room), ""
    need = f"{manifest.limits.memory_mb / 1024:.1f} GB for one that fills its memory and {JOB_MEMORY_MB} MB for each"
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
def _connecting(scheduler: str, slots: int, scratch: Path) -> Iterator[tuple[Executor, int]]:
    """Yield an executor on a scheduler's workers, `local` for as many on this machine as there are slots, and its size.

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
        yield client.get_executor(pure=False, retries=0), max(slots, len(client.nthreads()))


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
class SlotPool(Executor):
    """Runs jobs in `slots` processes, one job each at a time; a death fails only the job of the process that died.

    Their temporary files lie in `folder`, which workers must be able to reach.
    """

    slots: int
    folder: Path
    _pools: dict[int, ProcessPoolExecutor] = field(default_factory=dict)
    _busy: set[int] = field(default_factory=set)
    _waiting: deque[tuple[Future[Any], Callable[..., Any], Any]] = field(default_factory=deque)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        os.environ.update({f"{name}_NUM_THREADS": "1" for name in THREADS})  # slots share the cores

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have a function run in the next process that is free."""
        future: Future[Any] = Future()
        with self._lock:
            self._waiting.append((future, fn, args))
            self._dispatch()
        return future

    def _dispatch(self) -> None:
        free = [slot for slot in range(self.slots) if slot not in self._busy]
        while free and self._waiting:
            future, function, arguments = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                slot = free.pop(0)
                self._busy.add(slot)
                try:
                    inner = self._pool(slot).submit(function, *arguments)
                except BrokenExecutor:  # its process was killed while it had nothing to do
                    self._end(slot)
                    inner = self._pool(slot).submit(function, *arguments)
                inner.add_done_callback(partial(self._take, slot, future))

    def _pool(self, slot: int) -> ProcessPoolExecutor:
        if slot not in self._pools:
            context = multiprocessing.get_context("spawn")
            self._pools[slot] = ProcessPoolExecutor(1, context, prepare_slot, (str(self.folder),))
        return self._pools[slot]

    def _end(self, slot: int) -> None:
        dead = self._pools.pop(slot, None)
        if dead:
            dead.shutdown(wait=False, cancel_futures=True)

    def _take(self, slot: int, future: Future[Any], done: Future[Any]) -> None:
        """Hand on what a process returned, and give the slot the next job; a dead one gets a new process."""
        error = done.exception() if not done.cancelled() else ChainruleError("the run was ended")
        with self._lock:
            self._busy.discard(slot)
            if error is not None:
                self._end(slot)
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(done.result())
        with self._lock:
            self._dispatch()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End every process, at once: what a job has not written yet is graded again."""
        with self._lock:
            self._waiting.clear()
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            for process in list((pool._processes or {}).values()):
                process.kill()
            pool.shutdown(wait=wait, cancel_futures=True)
