"""Run the jobs of a class on Dask workers: those of a scheduler somewhere, or some on this machine."""

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from ..errors import SandboxError, explain_not_installed
from ..limits import CLUSTER_SECONDS

# Defaults blame a bystander: a worker that dies has taken jobs ahead of time, and three deaths fail each of them.
SETTINGS = {
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.allowed-failures": 2,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
}


@contextlib.contextmanager
def connecting(scheduler: str, slots: int, scratch: Path) -> Iterator[tuple[Executor, int]]:
    """Yield an executor on a scheduler's workers, `local` for as many on this machine as there are slots, and its size.

    Raise SandboxError where no worker comes, NotInstalled without the extra.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise explain_not_installed("class", "a cluster") from None
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(SETTINGS))
        address = scheduler
        if scheduler == "local":
            options: dict[str, Any] = {
                "n_workers": slots,
                "threads_per_worker": 1,
                "memory_limit": 0,
                "dashboard_address": None,
            }
            options |= {"processes": True, "silence_logs": 50, "local_directory": os.fspath(scratch)}
            address = stack.enter_context(LocalCluster(**options)).scheduler_address
        try:
            client = stack.enter_context(Client(address, timeout=CLUSTER_SECONDS))
            client.wait_for_workers(1, timeout=CLUSTER_SECONDS)
        except (OSError, TimeoutError) as error:
            reason = f"no worker answers at {address} ({type(error).__name__})"
            raise SandboxError(
                f"{reason}; start one with: dask worker {address} --nthreads 1 --memory-limit 0"
            ) from None
        yield client.get_executor(pure=False, retries=0), max(slots, len(client.nthreads()))
