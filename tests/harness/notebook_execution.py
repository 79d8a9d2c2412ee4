"""Run one notebook in a copy of its course and a kernel of its own; measure time and memory."""

from __future__ import annotations

import copy
import os
import shutil
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from grader.course import manifest as manifests
from grader.course.manifest import Manifest
from grader.notebooks.checkfiles import NOT_PASSED

if TYPE_CHECKING:
    import psutil
    from nbclient import NotebookClient
    from nbformat import NotebookNode
    from traitlets.config import Config

ENGINE = Path(__file__).parents[2] / "grader"
CELL_SECONDS = 1800  # wall clock of one cell: the longest one trains a network
SOCKET_PATH_BYTES = 100  # of a kernel's socket: systems take 103 or 107
NOT_COPIED = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", ".OTTER_LOG", "source", "*.ipynb")
INTERVAL = 0.1
INJECTED = "injected-parameters"


@dataclass
class Run:
    """An executed notebook; `error` says which cell raised what, `memory_mb` is the peak of kernel and children."""

    name: str
    notebook: NotebookNode
    seconds: float = 0.0
    memory_mb: float = 0.0
    error: str = ""
    kind: str = ""
    cell: int = 0

    def failed_checks(self) -> list[str]:
        """Return the text of each check cell whose checks did not all pass."""
        shown = [output.get("data", {}) for cell in self.notebook.cells for output in cell.get("outputs", [])]
        return [data["text/plain"] for data in shown if f'class="{NOT_PASSED}"' in data.get("text/html", "")]


@dataclass
class Settings:
    """How to run: values for the parameters cell, seconds for each cell, more of the environment."""

    parameters: dict[str, object] = field(default_factory=dict)
    cell_seconds: int = CELL_SECONDS
    environment: dict[str, str] = field(default_factory=dict)


@contextmanager
def copy_course(
    manifest: Manifest, package: Path, shared: Sequence[Path] = (), further: Sequence[str] = ()
) -> Iterator[Path]:
    """Yield a folder with the course's manifest, engine, public checks and reference, and `package` as the student's.

    The folders in `shared` (data sets) are linked into the student's package, and made where they are missing.
    So each run finds what an earlier one wrote there; no folder of their names is copied.
    `further` names folders beside the manifest which the package reads.
    """
    names = [folder.name for folder in shared]
    with tempfile.TemporaryDirectory(prefix="chainrule-notebooks-") as folder:
        root = Path(folder)
        shutil.copy(manifest.root / manifests.FILENAME, root)
        _copy_tree(ENGINE, root / "grader")
        for kind in ("public", "reference", "notebooks"):
            if manifest.path(kind).is_dir():
                _copy_tree(manifest.path(kind), root / getattr(manifest.paths, kind), names)
        for name in further:
            if (manifest.root / name).is_dir():
                _copy_tree(manifest.root / name, root / name)
        student = root / manifest.paths.student
        _copy_tree(package, student, names)
        for data in shared:
            data.mkdir(exist_ok=True)
            (student / data.name).symlink_to(data.resolve(), target_is_directory=True)
        yield root


def execute(name: str, content: NotebookNode, root: Path, folder: Path, settings: Settings | None = None) -> Run:
    """Run a notebook in `folder` of the course at `root`; the result says what a cell raised."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    settings = settings or Settings()
    notebook = override(content, settings.parameters)
    run, started = Run(name, notebook), time.monotonic()
    client = NotebookClient(
        notebook,
        resources={"metadata": {"path": str(folder)}},
        timeout=settings.cell_seconds,
        kernel_name="python3",
        config=_configure(root, name),
    )
    environment = os.environ | {"IPYTHONDIR": str(root / ".ipython")} | settings.environment
    try:
        with client.setup_kernel(env=environment), _watch_memory(client, run):
            for number, cell in enumerate(notebook.cells):
                run.cell = number
                client.execute_cell(cell, number)
            client.set_widgets_metadata()
    except CellExecutionError as error:
        run.kind, run.error = error.ename, f"{_locate(run)}: {error.ename}: {error.evalue}"
    except CellTimeoutError:
        run.kind, run.error = "TimeoutError", f"{_locate(run)}: no end after {settings.cell_seconds} s"
    except DeadKernelError:
        run.kind, run.error = "DeadKernelError", f"{_locate(run)}: the kernel died; perhaps it ran out of memory"
    run.seconds = time.monotonic() - started
    return run


def override(content: NotebookNode, parameters: dict[str, object]) -> NotebookNode:
    """Return the notebook with a cell after the one tagged parameters, or at the top, that sets these values."""
    from nbformat import v4

    made = copy.deepcopy(content)
    if not parameters:
        return made
    lines = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    tagged = [number for number, cell in enumerate(made["cells"]) if "parameters" in _tags(cell)]
    cell = v4.new_code_cell(lines, id=INJECTED, metadata={"tags": [INJECTED]})
    made.cells.insert(tagged[0] + 1 if tagged else 0, cell)
    return made


def _tags(cell: NotebookNode) -> list[object]:
    tags = cell["metadata"].get("tags")
    return tags if isinstance(tags, list) else []


def _configure(root: Path, name: str) -> Config:
    """Put the kernel's sockets and files into the course's folder; open no port where the system has other ways."""
    from traitlets.config import Config

    file = str(root / f"{zlib.crc32(name.encode()):x}.json")
    transport = "ipc" if os.name == "posix" and len(os.fsencode(file)) <= SOCKET_PATH_BYTES else "tcp"
    return Config({"KernelManager": {"transport": transport, "connection_file": file}})


def _locate(run: Run) -> str:
    source = "".join(run.notebook.cells[run.cell].source)
    first = next((line for line in source.splitlines() if line.strip()), "")
    return f"{run.name}, cell {run.cell + 1} ({first.strip()[:60]})"


@contextmanager
def _watch_memory(client: NotebookClient, run: Run) -> Iterator[None]:
    """Note the most memory that the kernel and its children hold at one time."""
    import psutil
    from jupyter_client.provisioning.local_provisioner import LocalProvisioner

    provisioner = client.km.provisioner if client.km else None
    if not isinstance(provisioner, LocalProvisioner) or provisioner.pid is None:
        raise RuntimeError("the kernel does not run on this machine, so its memory cannot be measured")
    kernel, ended = psutil.Process(provisioner.pid), threading.Event()

    def watch() -> None:
        while not ended.wait(INTERVAL):
            run.memory_mb = max(run.memory_mb, _measure_memory(kernel) / 1e6)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _measure_memory(kernel: psutil.Process) -> int:
    import psutil

    total = 0
    try:
        for process in [kernel, *kernel.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.Error:
        pass  # one of them has just ended
    return total


def _copy_tree(source: Path, target: Path, left_out: Sequence[str] = ()) -> None:
    def ignore(folder: str, names: list[str]) -> set[str]:
        return NOT_COPIED(folder, names) | set(left_out).intersection(names)

    shutil.copytree(source, target, ignore=ignore)
