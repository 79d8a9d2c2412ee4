"""Grade what is to do of a class, or again what may have changed: one run at a time, whatever dies on the way."""

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ..course.manifest import Manifest
from ..errors import SandboxError, UsageError
from ..files import make_printable
from ..grading.run import collect_checks
from ..grading.submission import draw_seeds
from ..limits import JOB_TRIES
from ..results.record import NoteKind, sum_points
from .engine import Job, JobReport, choose_again, count_changed, digest_course, run_job
from .executors import Settings, ending_at_signals, executing
from .sources import Export, read_export
from .store import Store, hold, say_command
from .view import FILENAME, Batch, JobEnding, State, StoredSubmission, StoreView

RECORDS = "records"
DIED = "the process that graded it ended {} times, the last time with nothing else running: too much memory, or a hang"


@dataclass
class Tally:
    """The work of one run so far: how many submissions it has `chosen`, and how many had a mark `earlier`.

    Of records it keeps only the `last` one, so that a class of any size takes the same memory. `failing` counts for
    each function in how many submissions a check of it failed by its own code. `unmarked` counts the submissions that
    have no mark since the grader failed, in earlier runs too.
    """

    chosen: int
    earlier: int = 0
    states: Counter[State] = field(default_factory=Counter)
    scores: list[int | float] = field(default_factory=list)
    failing: Counter[str] = field(default_factory=Counter)
    last: JobEnding | None = None
    changed: int = 0
    unmarked: int = 0
    started: float = field(default_factory=time.monotonic)
    interrupted: bool = False

    def add(self, ending: JobEnding) -> None:
        """Count how one more job ended."""
        self.last = ending
        self.states[ending.state] += 1
        checks = ending.record.checks if ending.record else []
        self.failing.update(sorted({name for one in checks if one.failed for name in one.functions}))
        if ending.record:
            self.scores.append(ending.record.score)

    @property
    def done(self) -> int:
        """Return how many jobs have ended."""
        return self.states.total()

    @property
    def seconds(self) -> float:
        """Return how long the run has lasted."""
        return time.monotonic() - self.started

    @property
    def seconds_left(self) -> float | None:
        """Return an estimate of what the rest takes at the rate so far; None before there is one."""
        return self.seconds / self.done * (self.chosen - self.done) if self.done else None


@dataclass(frozen=True)
class MarkChange:
    """A submission before and after it was graded again."""

    before: StoredSubmission
    after: JobEnding

    @property
    def writable(self) -> bool:
        """Return whether what came out replaces what was known: a mark, or whatever there is instead of none."""
        return self.after.state.counts or not self.before.state.counts

    @property
    def gain(self) -> int | float:
        """Return how many points more there are; what was not marked before had none."""
        record, had = self.after.record, self.before.score if self.before.state.counts else 0
        return sum_points([record.score, -had]) if record and self.writable else 0


def grade_class(
    manifest: Manifest, source: Path, folder: Path, settings: Settings, tell: Callable[[Tally], None]
) -> tuple[Export, Tally]:
    """Grade every submission of an export that has no mark yet into the store in `folder`, which is made if need be.

    Raise UsageError for another export than the folder's, for a folder in it, and where another run is grading it.
    """
    if manifest.root.is_relative_to(source.resolve()):
        raise UsageError(f"{make_printable(str(source), 400)} holds the course itself; give the folder of submissions")
    if folder.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{folder} lies in the export; give a folder elsewhere with --folder")
    export = read_export(source)
    with hold(folder) as scratch, open_store(manifest, source, folder, export) as store:
        store.move(source.resolve())
        store.add(export.submissions)
        version = store.add_version(digest_course(manifest))
        chosen = store.submissions(State.TODO, State.RUNNING)
        jobs = [make_job(store, manifest, folder, one, version, settings) for one in chosen]

        def begin(job: Job) -> None:
            store.set_state([job.key], State.RUNNING)

        def take(job: Job, ending: JobEnding) -> None:
            store.finish([ending])
            job.out.unlink(missing_ok=True)

        tally = _run(manifest, store, version, jobs, settings, scratch, tell, take, begin)
        tally.changed, tally.unmarked = count_changed(store, manifest), len(store.submissions(State.FAILED))
    return export, tally


def regrade_class(
    manifest: Manifest,
    folder: Path,
    held: bool,
    settings: Settings,
    tell: Callable[[Tally], None],
    confirm: Callable[[list[MarkChange]], bool],
) -> tuple[list[MarkChange], Tally]:
    """Grade again what today's course may mark otherwise, or with `held` what a grader error left without a mark.

    Nothing is written before `confirm` has seen every change and said yes; a submission that comes to no result keeps
    its mark. Return the changes that were written. What was graded is kept for a later call.
    """
    StoreView.open(folder).close()  # where there is no class, nothing is made
    with hold(folder) as scratch, Store.open(folder) as store:
        today, versions = digest_course(manifest), store.versions()
        version = store.add_version(today)
        before = {one.key: one for one in store.submissions()}
        jobs, changes = [], list[MarkChange]()

        def take(job: Job, ending: JobEnding) -> None:
            changes.append(MarkChange(before[job.key], ending))

        for one in before.values():
            questions = choose_again(one, held, versions, today, manifest)
            if questions is not None:
                jobs.append(make_job(store, manifest, folder, one, version, settings, questions))
        if jobs and not (source := store.batch().source).exists():
            where = f"say where the export lies now: {say_command(folder, 'grade', 'SOURCE')}"
            raise UsageError(f"{make_printable(str(source), 400)} is not there; {where}")
        tally = _run(manifest, store, version, jobs, settings, scratch, tell, take)
        changes.sort(key=lambda change: change.before.key)
        if tally.interrupted or not changes or not confirm(changes):
            return [], tally
        written = [change for change in changes if change.writable]
        store.finish([change.after for change in written])
        for job in jobs:
            job.out.unlink(missing_ok=True)
    return written, tally


def _run(
    manifest: Manifest,
    store: Store,
    version: int,
    jobs: list[Job],
    settings: Settings,
    scratch: Path,
    tell: Callable[[Tally], None],
    take: Callable[[Job, JobEnding], None],
    begin: Callable[[Job], None] = lambda job: None,
) -> Tally:
    """Run jobs, and hand on how each ended; Ctrl-C ends what is running, and the tally says so.

    Raise CourseError where the checks cannot be run, UsageError where they change meanwhile or nothing isolates code.
    """
    tally = Tally(len(jobs), sum(one.state.counts for one in store.submissions()))
    if not jobs:
        return tally
    collect_checks(manifest)
    run = store.begin_run(now(), len(jobs))

    def note(job: Job, report: JobReport) -> None:
        if report.ends_run or (report.unisolated and tally.done == tally.states[State.REFUSED]):  # none has run yet
            raise UsageError(report.problem)
        ending = conclude(job, report, version, run)
        take(job, ending)
        tally.add(ending)
        tell(tally)

    tell(tally)
    try:
        with executing(settings, scratch) as slots, ending_at_signals():
            run_jobs(jobs, slots, begin, note)
    except KeyboardInterrupt:
        tally.interrupted = True
    finally:
        store.end_run(run, now())
    return tally


def run_jobs(
    jobs: Iterable[Job],
    slots: Sequence[Executor],
    begin: Callable[[Job], None],
    take: Callable[[Job, JobReport], None],
) -> None:
    """Run jobs, one at a time in each slot, and hand on each report as it comes.

    A job that fails is run again when nothing else runs, so that no other is blamed for a death, and then given up.
    """
    waiting, suspects, deaths = list(jobs)[::-1], list[Job](), dict[str, int]()
    free, running = list(slots), dict[Future[JobReport], tuple[Job, Executor]]()
    while waiting or suspects or running:
        while (waiting and free) or (suspects and not running):
            job, slot = (waiting or suspects).pop(), free.pop()
            begin(job)
            running[slot.submit(run_job, job)] = job, slot
        done, _ = wait(running, timeout=1, return_when=FIRST_COMPLETED)
        for future in done:
            if future.cancelled():
                raise SandboxError("the scheduler has gone; the same command goes on where this one ended")
            (job, slot), error = running.pop(future), future.exception()
            free.append(slot)
            if error is None:
                take(job, future.result())
                continue
            deaths[job.key] = deaths.get(job.key, 0) + 1
            if deaths[job.key] < JOB_TRIES:
                suspects.append(job)
            else:
                take(job, JobReport(problem=_explain(error, deaths[job.key])))


def _explain(error: BaseException, tries: int) -> str:
    """Return why a job came to no result: its process died, or the grader itself made an error."""
    if isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":  # Dask's word for it
        return DIED.format(tries)
    return f"the grader could not go on: {type(error).__name__}: {make_printable(str(error), 400)}"


def conclude(job: Job, report: JobReport, version: int, run: int) -> JobEnding:
    """Return how a job ended: with a mark, with a reason why there is nothing to mark, or without a result."""
    record = report.record
    state = State.FAILED if record is None else State.GRADED
    if record is not None and any(note.kind is NoteKind.REFUSED for note in record.notes):
        state = State.REFUSED
    return JobEnding(job.key, state, record, report.problem, version, run, now())


def make_job(
    store: Store,
    manifest: Manifest,
    folder: Path,
    one: StoredSubmission,
    version: int,
    settings: Settings,
    questions: tuple[str, ...] = (),
) -> Job:
    """Return the job of a submission; its record's name tells bytes, seeds and versions, and what it replaces."""
    batch, record = store.batch(), store.record(one.id) if questions else None
    kept = tuple(check for check in record.checks if check.question not in questions) if record else ()
    digests = store.versions()[version]
    facts = [one.digest, batch.seeds, digests, one.run, settings.unsafe, questions]
    name = f"{one.id:06}-{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]}.record"
    subject = one.key, one.place, one.digest, manifest.root, folder.resolve() / RECORDS / name, batch.seeds
    return Job(*subject, settings.unsafe, questions, kept, digests)


def open_store(manifest: Manifest, source: Path, folder: Path, export: Export) -> Store:
    """Return the store of a class, made where there is none. Raise UsageError where it is of something else.

    An export in another place is that of the same class where it has most of its submissions.
    """
    source = source.resolve()
    if not (folder / FILENAME).exists():
        seeds = tuple(draw_seeds(manifest))
        return Store.create(folder, Batch(manifest.title, manifest.points, export.kind, source, seeds))
    store, other, remedy = Store.open(folder), "", "give another folder with --folder"
    batch, found = store.batch(), store.submissions()
    known = {(one.key, one.digest) for one in found if one.state is not State.SUPERSEDED}
    there = known & {(one.key, one.digest) for one in export.submissions}
    if batch.assignment != manifest.title and any(one.state.counts for one in found):
        other = f"{batch.assignment}, and this course's title is {manifest.title}"
        remedy += f", or, where only the title was changed, first: {say_command(folder, 'regrade', '--changed')}"
    elif batch.source != source and 2 * len(there) < len(known):
        other = f"{batch.source}, most of whose submissions are not in {source}"
    if other:
        store.close()
        raise UsageError(f"{folder} holds the marks of {make_printable(other, 800)}; {remedy}")
    return store


def now() -> str:
    """Return the time in UTC as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
