"""Set the conditions of a run: a lock on the class, signals, slots, and digests of what marks depend on."""

import contextlib
import hashlib
import importlib.metadata
import os
import platform
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from ..course.manifest import FILENAME, Manifest
from ..errors import UsageError
from ..limits import JOB_MEMORY_MB, MEGABYTE
from .sources import digest_submission
from .view import FILENAME as STORE
from .view import State, StoredSubmission, StoreView

ENGINE = Path(__file__).parents[1]
LOCK, SCRATCH = "running.lock", "chainrule-class-"
QUESTION_CHECKS = "checks of "

if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(1 << 30)  # what is locked cannot be read, and the file is to be
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[Path]:
    """Keep others from grading into a folder; yield a folder for temporary files, which a killed run leaves behind.

    The lock ends with this process, however it ends. Raise UsageError where another process has it, and for a folder of
    other things.
    """
    if folder.exists() and not any((folder / name).exists() for name in (LOCK, STORE)) and any(folder.iterdir()):
        raise UsageError(f"{folder} holds other files and no class; give another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with (folder / LOCK).open("a+") as file:
        file.seek(0)
        _, _, left = file.read().partition("\n")
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):
            raise UsageError(f"{folder} is being graded by {describe_holder(folder)}; wait for it, or end it") from None
        _remove_scratch(Path(left))
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH))
        scratch.chmod(0o755)  # workers may have a user id of their own
        file.truncate(0)
        print(os.getpid(), scratch, sep="\n", end="", file=file, flush=True)
        try:
            yield scratch
        finally:
            _remove_scratch(scratch)


def describe_holder(folder: Path) -> str:
    """Return `process 12` where a run is grading into a folder; empty where none is."""
    with contextlib.suppress(FileNotFoundError), (folder / LOCK).open("r+") as file:
        try:
            _lock(file)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            return f"process {file.readline().strip()}"
    return ""


def _remove_scratch(place: Path) -> None:
    if place.name.startswith(SCRATCH):
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def ending_at_signals() -> Iterator[None]:
    """Have a request to terminate do what Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def count_slots(manifest: Manifest) -> int:
    """Return how many jobs this machine can take at a time, by its cores and its free memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024 // MEGABYTE
    except (OSError, KeyError, ValueError):
        return cores
    # one of them may fill what a worker is allowed, and all need their libraries
    return max(1, min(cores, (free - manifest.limits.memory_mb) // JOB_MEMORY_MB))


def digest_course(manifest: Manifest) -> dict[str, str]:
    """Return digests of what marks depend on besides the submission, by name; each question's checks have their own."""
    files = {question.id: question.file for question in manifest.questions}
    folders = [manifest.path("public"), manifest.path("hidden")]
    found = {f"{QUESTION_CHECKS}{name}": _digest(folder / file for folder in folders) for name, file in files.items()}
    others = [
        place
        for folder in folders
        for place in sorted(folder.rglob("*"))
        if place.is_file() and place.name not in files.values() and place.suffix != ".pyc"
    ]
    found["other files of checks"] = _digest([*others, *(manifest.root / name for name in manifest.container.secrets)])
    found["manifest"] = _digest([manifest.root / FILENAME])
    found["reference"] = digest_submission(manifest.path("reference"))
    if manifest.edition is not None:
        given = (manifest.root / source for source in manifest.edition.given.values())
        found["edition"] = _digest([*sorted(manifest.path("editions").glob("*.toml")), *given])
    found["engine"] = _digest(sorted(ENGINE.rglob("*.py")))
    return found | {"libraries": _describe_libraries(manifest)}


def choose_again(
    one: StoredSubmission, held: bool, versions: dict[int, dict[str, str]], today: dict[str, str], manifest: Manifest
) -> tuple[str, ...] | None:
    """Return the questions of a submission to grade again, none of them for all; None where its mark stays.

    Where only checks of some questions were changed, the results of the others stay, and so does what was refused. Of
    an edition all are graded again, since points are scaled by their sum.
    """
    if held:
        return () if one.state is State.FAILED or (one.state is State.GRADED and one.held) else None
    old = versions.get(one.version or 0, {})
    changed = {name for name in old | today if old.get(name) != today.get(name)}
    if not one.state.counts or not changed:
        return None
    if manifest.edition is not None or not all(name.startswith(QUESTION_CHECKS) for name in changed):
        return ()
    if one.state is State.REFUSED:
        return None
    known = [question.id for question in manifest.questions]
    return tuple(name for name in known if f"{QUESTION_CHECKS}{name}" in changed)


def count_changed(store: StoreView, manifest: Manifest) -> int:
    """Return how many marks today's checks, manifest, reference or engine may alter."""
    versions, today = store.versions(), digest_course(manifest)
    return sum(choose_again(one, False, versions, today, manifest) is not None for one in store.submissions())


def _digest(files: Iterable[Path]) -> str:
    present = [file for file in files if file.is_file()]
    return hashlib.sha256("".join(digest_submission(file) for file in present).encode()).hexdigest()


def _describe_libraries(manifest: Manifest) -> str:
    names = sorted({library for question in manifest.questions for library in question.libraries})
    found = [f"python {platform.python_version()}"]
    for name in names:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found.append(f"{name} {importlib.metadata.version(name)}")
    return ", ".join(found)


def now() -> str:
    """Return the time in UTC as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
