"""Runs one notebook in a kernel of its own, and says how long it took, how much memory, and where it failed."""

import copy
import json
import os
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..results.notebook import NOT_PASSED

INTERVAL = 0.1
SOCKET_PATH = 100  # bytes; systems take 103 or 107 for a socket's
INJECTED = "injected-parameters"


@dataclass
class Run:
    """An executed notebook; `error` says which cell raised what, `memory_mb` is the peak of kernel and children."""

    name: str
    notebook: Any
    seconds: float = 0.0
    memory_mb: float = 0.0
    error: str = ""
    kind: str = ""
    cell: int = 0

    def failed_checks(self) -> list[str]:
        """What those check cells show whose checks did not all pass."""
        shown = [output.get("data", {}) for cell in self.notebook.cells for output in cell.get("outputs", [])]
        return [data["text/plain"] for data in shown if f'class="{NOT_PASSED}"' in data.get("text/html", "")]


@dataclass
class Settings:
    """How to run: values for the parameters cell, seconds for each cell, more of the environment."""

    parameters: dict[str, Any] = field(default_factory=dict)
    cell_seconds: int = 1800
    environment: dict[str, str] = field(default_factory=dict)


def execute(name: str, content: dict[str, Any], root: Path, folder: Path, settings: Settings | None = None) -> Run:
    """Runs a notebook's content in `folder` of the course at `root`; what a cell raises is told in the result."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    settings = settings or Settings()
    notebook = nbformat.reads(json.dumps(override(content, settings.parameters)), as_version=4)
    run, started = Run(name, notebook), time.monotonic()
    options = {"timeout": settings.cell_seconds, "kernel_name": "python3", "config": _config(root, name)}
    client = NotebookClient(notebook, resources={"metadata": {"path": str(folder)}}, **options)
    environment = os.environ | {"IPYTHONDIR": str(root / ".ipython")} | settings.environment
    try:
        with client.setup_kernel(env=environment), _watching(client, run):
            for number, cell in enumerate(notebook.cells):
                run.cell = number
                client.execute_cell(cell, number)
            client.set_widgets_metadata()
    except CellExecutionError as error:
        run.kind, run.error = error.ename, f"{_where(run)}: {error.ename}: {error.evalue}"
    except CellTimeoutError:
        run.kind, run.error = "TimeoutError", f"{_where(run)}: no end after {settings.cell_seconds} s"
    except DeadKernelError:
        run.kind, run.error = "DeadKernelError", f"{_where(run)}: the kernel died; perhaps it ran out of memory"
    run.seconds = time.monotonic() - started
    return run


def override(content: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
    """The notebook with a cell after the one tagged parameters, or at the top, that sets these values."""
    made = copy.deepcopy(content)
    if not parameters:
        return made
    lines = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    tagged = [n for n, cell in enumerate(made["cells"]) if "parameters" in cell["metadata"].get("tags", [])]
    cell = {"cell_type": "code", "id": INJECTED, "metadata": {"tags": [INJECTED]}, "source": lines}
    made["cells"].insert(tagged[0] + 1 if tagged else 0, cell | {"outputs": [], "execution_count": None})
    return made


def _config(root: Path, name: str) -> Any:
    """The kernel's sockets and files lie in the course's folder; no port is opened where the system has other ways."""
    from traitlets.config import Config

    file = str(root / f"{zlib.crc32(name.encode()):x}.json")
    transport = "ipc" if os.name == "posix" and len(os.fsencode(file)) <= SOCKET_PATH else "tcp"
    return Config({"KernelManager": {"transport": transport, "connection_file": file}})


def _where(run: Run) -> str:
    source = "".join(run.notebook.cells[run.cell].source)
    first = next((line for line in source.splitlines() if line.strip()), "")
    return f"{run.name}, cell {run.cell + 1} ({first.strip()[:60]})"


@contextmanager
def _watching(client: Any, run: Run) -> Iterator[None]:
    """Notes the most memory that the kernel and its children held at one time."""
    import psutil

    ended = threading.Event()

    def watch(kernel: psutil.Process) -> None:
        while not ended.wait(INTERVAL):
            run.memory_mb = max(run.memory_mb, _resident(kernel) / 1e6)

    watcher = threading.Thread(target=watch, args=[psutil.Process(client.km.provisioner.pid)], daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _resident(kernel: Any) -> int:
    import psutil

    total = 0
    try:
        for process in [kernel, *kernel.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.Error:
        pass  # one of them has just ended
    return total
