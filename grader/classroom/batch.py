"""Grade what is to do of a class: one run at a time, each submission once, whatever dies on the way."""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..course.manifest import FILENAME, Manifest
from ..errors import UsageError
from ..files import make_printable
from ..grading.submission import draw_seeds
from ..limits import JOB_MEMORY_MB, JOB_TRIES, MEGABYTE
from ..results.record import NoteKind
from .engine import Job, JobReport, SlotPool, run_job
from .sources import Export, digest_submission, read_export
from .store import Store
from .view import FILENAME as STORE
from .view import Batch, JobEnding, State, StoredSubmission, StoreView

ENGINE = Path(__file__).parents[1]
LOCK, RECORDS, SCRATCH = "running.lock", "records", "chainrule-class-"
DIED = "the process that graded it ended {} times, the last time with nothing else running: too much memory, or a hang"


@dataclass(frozen=True)
class Settings:
    """How to run jobs: in how many slots, and whether without isolation."""

    slots: int
    unsafe: bool = False


@dataclass
class Tally:
    """What one run has done so far of the `chosen` submissions; `failing` counts checks by function."""

    chosen: int
    earlier: int = 0
    endings: list[JobEnding] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    interrupted: bool = False

    @property
    def seconds(self) -> float:
        """Return how long the run has lasted."""
        return time.monotonic() - self.started

    @property
    def seconds_left(self) -> float | None:
        """Return an estimate of what the rest takes at the rate so far; None before there is one."""
        done = len(self.endings)
        return self.seconds / done * (self.chosen - done) if done else None


def grade_class(
    manifest: Manifest, source: Path, folder: Path, settings: Settings, tell: Callable[[Tally], None]
) -> tuple[Export, Tally]:
    """Grade every submission of an export that has no mark yet into the store in `folder`, which is made if need be.

    Raise UsageError for another export than the folder's, and where another run is grading it.
    """
    export = read_export(source)
    with hold(folder) as scratch, open_store(manifest, source, folder, export.kind) as store:
        store.add(export.submissions)
        version = store.add_version(digest_course(manifest))
        with executing(SlotPool(settings.slots, scratch)) as executor:
            tally = _grade(store, manifest, folder, settings, version, executor, tell)
    return export, tally


def _grade(
    store: Store,
    manifest: Manifest,
    folder: Path,
    settings: Settings,
    version: int,
    executor: Executor,
    tell: Callable[[Tally], None],
) -> Tally:
    run = store.begin_run(now(), "grade", settings.slots, len(store.submissions(State.TODO, State.RUNNING)))
    chosen = store.submissions(State.TODO)
    jobs = [make_job(store, manifest, folder, one, version, settings.unsafe) for one in chosen]
    tally = Tally(len(jobs), sum(one.state.counts for one in store.submissions()))

    def take(job: Job, report: JobReport) -> None:
        ending = conclude(job, report, version, run)
        store.finish([ending])
        job.out.unlink(missing_ok=True)
        tally.endings.append(ending)
        tell(tally)

    tell(tally)
    try:
        with ending_at_signals():
            run_jobs(jobs, executor, settings.slots, lambda job: store.set_state([job.key], State.RUNNING), take)
    except KeyboardInterrupt:
        tally.interrupted = True
    finally:
        store.end_run(run, now())
    return tally


def run_jobs(
    jobs: Iterable[Job],
    executor: Executor,
    slots: int,
    begin: Callable[[Job], None],
    take: Callable[[Job, JobReport], None],
) -> None:
    """Run jobs, as many at a time as there are slots, and hand on each report as it comes.

    A job whose process dies is run again when nothing else runs, so that no other is blamed, and then given up.
    """
    waiting, suspects, deaths = list(jobs)[::-1], list[Job](), dict[str, int]()
    running: dict[Future[JobReport], Job] = {}
    while waiting or suspects or running:
        while (waiting and len(running) < slots) or (suspects and not running):
            job = waiting.pop() if waiting else suspects.pop()
            begin(job)
            running[executor.submit(run_job, job)] = job
        done, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
        for future in done:
            job, error = running.pop(future), future.exception()
            if error is None:
                take(job, future.result())
                continue
            deaths[job.key] = deaths.get(job.key, 0) + 1
            if deaths[job.key] < JOB_TRIES:
                suspects.append(job)
            else:
                take(job, JobReport(problem=DIED.format(deaths[job.key])))


def conclude(job: Job, report: JobReport, version: int, run: int) -> JobEnding:
    """Return how a job ended: with a mark, with a reason why there is nothing to mark, or without a result."""
    record = report.record
    state = State.FAILED if record is None else State.GRADED
    if record is not None and any(note.kind is NoteKind.REFUSED for note in record.notes):
        state = State.REFUSED
    return JobEnding(job.key, state, record, report.problem, version, run, now())


def make_job(
    store: Store, manifest: Manifest, folder: Path, one: StoredSubmission, version: int, unsafe: bool = False
) -> Job:
    """Return the job of a submission; its record's name tells bytes, seeds and versions, and what it replaces."""
    batch = store.batch()
    facts = [one.digest, batch.seeds, store.versions()[version], one.run, unsafe]
    name = f"{one.id:06}-{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]}.record"
    return Job(one.key, one.place, manifest.root, folder.resolve() / RECORDS / name, batch.seeds, unsafe)


def open_store(manifest: Manifest, source: Path, folder: Path, kind: str) -> Store:
    """Return the store of a class, made where there is none. Raise UsageError where it is of something else."""
    if not (folder / STORE).exists():
        seeds = tuple(draw_seeds(manifest))
        return Store.create(folder, Batch(manifest.title, manifest.points, kind, source.resolve(), seeds, now()))
    store = Store.open(folder)
    batch = store.batch()
    other = batch.source if batch.source != source.resolve() else batch.assignment
    if (batch.source, batch.assignment) != (source.resolve(), manifest.title):
        store.close()
        shown = make_printable(str(other), 400)
        raise UsageError(f"{folder} holds the marks of {shown}; give another folder with --folder")
    return store


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[Path]:
    """Keep others from grading into a folder; yield a folder for temporary files, which a killed run leaves behind.

    The lock ends with this process, however it ends. Raise UsageError where another process has it.
    """
    import fcntl  # Windows has none

    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with (folder / LOCK).open("a+") as file:
        file.seek(0)
        _, _, left = file.read().partition("\n")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
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
    import fcntl  # Windows has none

    with contextlib.suppress(FileNotFoundError), (folder / LOCK).open("r+") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return f"process {file.readline().strip()}"
    return ""


def _remove_scratch(place: Path) -> None:
    if place.name.startswith(SCRATCH):
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def executing(executor: Executor) -> Iterator[Executor]:
    """Have what an executor runs ended, whatever happens."""
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


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
    found = {f"checks of {name}": _digest(folder / file for folder in folders) for name, file in files.items()}
    others = [
        place
        for folder in folders
        for place in sorted(folder.rglob("*"))
        if place.is_file() and place.name not in files.values() and place.suffix != ".pyc"
    ]
    found["other files of checks"] = _digest([*others, *(manifest.root / name for name in manifest.container.secrets)])
    found["manifest"] = _digest([manifest.root / FILENAME])
    found["reference"] = digest_submission(manifest.path("reference"))
    found["engine"] = _digest(sorted(ENGINE.rglob("*.py")))
    return found | {"libraries": _describe_libraries(manifest)}


def find_version(store: StoreView, manifest: Manifest) -> int | None:
    """Return the number of the version that would grade now; None where nothing was graded by it."""
    today = digest_course(manifest)
    return next((number for number, digests in store.versions().items() if digests == today), None)


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
