"""Grade one submission in a process of its own: an idempotent job, and a pool that survives the death of a slot."""

import contextlib
import faulthandler
import multiprocessing
import os
import signal
import tempfile
import threading
import zlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from ..course.editions import choose_edition
from ..course.manifest import FILENAME, Manifest, load_manifest
from ..errors import ChainruleError
from ..files import make_printable
from ..grading import run, submission
from ..grading.hints import Hints
from ..limits import JOB_RESERVE_SECONDS
from ..recording.memo import ReferenceMemo
from ..results.record import NoteKind, Record, write_atomically
from ..sandbox.parent.zygote_pool import THREADS, ZygotePool
from ..sandbox.policy import Policy
from .conditions import digest_course
from .sources import digest_submission
from .view import pack_record, unpack_record

OTHER = (
    "what grades it has another engine, manifest or other checks than this run, or other libraries; "
    "make them the same, restart the workers, and use class regrade --held"
)


@dataclass(frozen=True)
class Job:
    """One submission to grade: `course` is the folder of the manifest, `out` the record that the job writes.

    The name of `out` says by what it is graded, so that a record that is there already is the right one. With
    `questions`, only these are graded, and the other results of the record in `kept`, packed, stay. `version` has the
    digests of what the run grades by.
    """

    key: str
    place: Path
    digest: str
    course: Path
    out: Path
    seeds: tuple[str, ...]
    unsafe: bool = False
    questions: tuple[str, ...] = ()
    kept: bytes = b""
    version: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobReport:
    """The packed record of a job, or the problem that left none."""

    content: bytes = b""
    problem: str = ""

    @property
    def record(self) -> Record | None:
        """Return the record."""
        return unpack_record(self.content) if self.content else None


def run_job(job: Job) -> JobReport:
    """Grade a submission, write its record, then report it; where the record is there, only report it.

    A process that has not come to an end long after the run's time is over ends itself.
    """
    left = _read_left(job.out)
    if left:
        return JobReport(left)
    if not os.path.lexists(job.place):
        return JobReport(problem="its folder or zip is not where the export says; export the submissions again")
    if digest_submission(job.place) != job.digest:
        return JobReport(problem="its files have changed since the export was read; class grade reads it again")
    manifest = _load(job.course)
    if job.version and job.version != _find_version(job.course):
        return JobReport(problem=OTHER)
    with open(os.devnull, "w") as nobody:
        faulthandler.dump_traceback_later(manifest.limits.wall_seconds + JOB_RESERVE_SECONDS, exit=True, file=nobody)
        try:
            record = run.new_record(manifest, "grade", make_printable(job.place.name))
            shared = _zygotes(job.course, job.seeds), _hints(job.course)
            submission.fill_record(manifest, job.place, record, _select(job), *shared, unsafe=job.unsafe)
        except ChainruleError as error:
            _zygotes.cache_clear()
            return JobReport(problem=f"the grader could not go on: {str(error).partition(chr(10))[0]}")
        finally:
            faulthandler.cancel_dump_traceback_later()
    if not record.complete and not any(note.kind is NoteKind.REFUSED for note in record.notes):
        return JobReport(problem="its grading did not finish")
    content = pack_record(record)
    job.out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # another machine has no folder of the class
    write_atomically(job.out, content)
    return JobReport(content)


def _read_left(place: Path) -> bytes:
    """Return the record that an earlier run left; nothing where there is none, or points are held in it."""
    with contextlib.suppress(OSError, zlib.error, ChainruleError):
        content = place.read_bytes()
        if not unpack_record(content).held:
            return content
    return b""


def _select(job: Job) -> run.Selection:
    """Return what to grade of a submission, and what stays."""
    kept = (
        [check for check in unpack_record(job.kept).checks if check.question not in job.questions] if job.kept else []
    )
    return run.Selection(list(job.questions), secret_seeds=list(job.seeds), kept=kept)


@lru_cache(maxsize=1)
def _load(course: Path) -> Manifest:
    manifest = load_manifest(course / FILENAME)
    return choose_edition(manifest, manifest.container.edition)


@lru_cache(maxsize=1)
def _find_version(course: Path) -> dict[str, str]:
    """Return the digests of what this process grades by, as they were at its first job: modules stay loaded."""
    return digest_course(_load(course))


@lru_cache(maxsize=1)
def _zygotes(course: Path, seeds: tuple[str, ...]) -> ZygotePool:
    """Return the zygotes that all jobs of this process share, with what the reference answers on these seeds."""
    pool = ZygotePool(Policy.full())
    pool.memo = ReferenceMemo()
    return pool


@lru_cache(maxsize=1)
def _hints(course: Path) -> Hints:
    """Return what names misconceptions, and keeps what it has found out."""
    return Hints(_load(course))


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
