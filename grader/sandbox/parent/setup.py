"""Prepare the sandbox before a submission's code runs: prove that the isolation holds, compile the package."""

import contextlib
import os
import tempfile
import threading
from pathlib import Path

import numpy as np

from ...errors import SandboxError, WorkerError
from ...limits import COMPILE_SECONDS
from ..child.packages import modules_to_compile, write_bytecode
from ..policy import LAYERS, WorkerLimits
from .client import launch_worker
from .isolation import Isolation, probe
from .zygote_pool import ZygotePool


class SandboxSetup:
    """Prepares the sandbox for one run; every zygote's isolation is tried before its first worker gets the package.

    No worker may be able to read the `answers` in the course's folder; an official run is refused where one can, or
    where layers are missing.
    """

    def __init__(self, zygotes: ZygotePool, package: Path, answers: list[Path], course: Path, official: bool) -> None:
        self._zygotes, self._package, self._official = zygotes, package.resolve(), official
        self._answers, self._course = answers, course
        self._found: dict[tuple[str, ...], Isolation] = {}
        self._thread: threading.Thread | None = None
        self._failure: SandboxError | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="chainrule-")
        os.chmod(self._folder.name, 0o755)

    @property
    def bytecode(self) -> str:
        """Return the folder of the package's bytecode, which workers only read."""
        return self._folder.name

    def begin(self, libraries: tuple[str, ...]) -> None:
        """Start on what the first checks will need, beside whatever the caller does until `finish`."""
        self._thread = threading.Thread(target=self._prepare, args=[libraries])
        self._thread.start()

    def finish(self, libraries: tuple[str, ...]) -> None:
        """Wait until workers with these libraries may be given the package.

        Raise SandboxError where the isolation breaks code, or is too weak for an official run.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._failure is not None:
            raise self._failure
        if libraries not in self._found:
            self._try(libraries)
        found = self._found[libraries]
        refusal = found.refusal() if self._official else found.broken
        if refusal:
            raise SandboxError(f"{refusal}. See what holds: python -m grader doctor")

    def active_layers(self) -> list[str]:
        """Return the layers that held in every zygote used."""
        return [layer for layer in LAYERS if self._found and all(layer in x.active for x in self._found.values())]

    def refusal(self) -> str:
        """Return why official grading is not possible here; empty when it is, or nothing was tried."""
        return next(filter(None, [found.refusal() for found in self._found.values()]), "")

    def close(self) -> None:
        """Wait for what is under way and remove the bytecode."""
        if self._thread is not None:
            self._thread.join()
        self._folder.cleanup()

    def _prepare(self, libraries: tuple[str, ...]) -> None:
        try:
            self._try(libraries)
            self._compile(libraries)
        except SandboxError as failure:
            self._failure = failure

    def _try(self, libraries: tuple[str, ...]) -> None:
        self._found[libraries] = probe(self._zygotes, libraries, self._answers, self._course)

    def _compile(self, libraries: tuple[str, ...]) -> None:
        """Write the package's bytecode; what cannot be compiled now will say why where it is imported."""
        files = modules_to_compile(self._package)
        if not files or not self._zygotes.get(libraries).fresh_workers:
            return
        limits = WorkerLimits(COMPILE_SECONDS, COMPILE_SECONDS)
        with contextlib.suppress(WorkerError, OSError):  # a name the file system does not take is the package's own
            worker = launch_worker(self._zygotes.get(libraries), self._package, "compiler", limits)
            try:
                for file, content in zip(files, worker.compile(files)):
                    if isinstance(content, np.ndarray):
                        write_bytecode(Path(self.bytecode), self._package / file, content)
            finally:
                worker.kill()
