"""Grade one submission as an idempotent job, and tell by digests what a mark depends on."""

import contextlib
import faulthandler
import hashlib
import json
import os
import tomllib
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from ..checks.choice import Selection
from ..course.editions import choose_edition
from ..course.manifest import FILENAME, Manifest, list_libraries, load_manifest
from ..errors import ChainruleError, IsolationError
from ..files import make_printable, read_or_make_secret, write_atomically
from ..grading import run, submission
from ..grading.hints import FILENAME as HINTS
from ..grading.hints import Hints
from ..limits import JOB_RESERVE_SECONDS
from ..recording.replay import ReferenceMemo
from ..results.record import CheckResult, NoteKind, Record, find_versions
from ..sandbox.parent.zygote_pool import ZygotePool
from ..sandbox.policy import Policy
from .sources import digest_named, digest_submission, walk_files
from .view import State, StoredSubmission, StoreView, pack_record, unpack_record

ENGINE = Path(__file__).parents[1]
QUESTION_CHECKS = "checks of "
# tables of the manifest on which no mark depends
NO_MARKS = {"demo", "late", "notebooks", "pdf", "release", "report", "submit"}
GONE = "its folder or zip is not where the export says; give class grade the folder in which the export lies now"
OTHER = (
    "checks, manifest, reference, engine or libraries are not those with which this run began; leave the course as it "
    "is while it is graded, restart a scheduler's workers if you have some, and give the same command again"
)


@dataclass(frozen=True)
class Job:
    """One submission to grade: `course` is the folder of the manifest, `out` the record that the job writes.

    The name of `out` says by what it is graded, so that a record that is there already is the right one. With
    `questions`, only these are graded, and the results in `kept` stay. `version` has the digests of what the run
    grades by.
    """

    key: str
    place: Path
    digest: str
    course: Path
    out: Path
    seeds: tuple[str, ...]
    unsafe: bool = False
    questions: tuple[str, ...] = ()
    kept: tuple[CheckResult, ...] = ()
    version: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class JobReport:
    """The record of a job, or the problem that left none; `ends_run` where all jobs would have it.

    It is `unisolated` where its machine isolates too little, or only failed to show that it does.
    """

    record: Record | None = None
    problem: str = ""
    ends_run: bool = False
    unisolated: bool = False


def run_job(job: Job) -> JobReport:
    """Grade a submission, write its record, then report it; where the record is there, only report it.

    A process that has not come to an end long after the run's time is over ends itself.
    """
    left = _read_left(job.out)
    if left:
        return JobReport(left)
    if not os.path.lexists(job.place):
        return JobReport(problem=GONE)
    if digest_submission(job.place) != job.digest:
        return JobReport(problem="its files have changed since the export was read; class grade reads it again")
    manifest = _load(job.course)
    if not _is_unchanged(job, manifest):
        return JobReport(problem=OTHER, ends_run=True)
    with open(os.devnull, "w") as nobody:
        faulthandler.dump_traceback_later(manifest.limits.wall_seconds + JOB_RESERVE_SECONDS, exit=True, file=nobody)
        try:
            record = run.new_record(manifest, "grade", make_printable(job.place.name))
            selection = Selection(list(job.questions), secret_seeds=list(job.seeds), kept=list(job.kept))
            shared = _zygotes(job.course, job.seeds), _hints(job.course)
            submission.fill_record(manifest, job.place, record, selection, *shared, unsafe=job.unsafe)
        except IsolationError as error:
            _zygotes.cache_clear()  # a new pool is probed for the next job
            return JobReport(problem=str(error), unisolated=True)
        except ChainruleError as error:
            _zygotes.cache_clear()
            return JobReport(problem=f"the grader could not go on: {str(error).partition(chr(10))[0]}")
        finally:
            faulthandler.cancel_dump_traceback_later()
    if not record.complete and not any(note.kind is NoteKind.REFUSED for note in record.notes):
        return JobReport(problem="its grading did not finish")
    if not _is_unchanged(job, manifest):
        return JobReport(problem=OTHER, ends_run=True)
    job.out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # another machine has no folder of the class
    write_atomically(job.out, pack_record(record))
    return JobReport(record)


def _read_left(place: Path) -> Record | None:
    """Return the record that an earlier run left; None where there is none, or points are held in it."""
    with contextlib.suppress(OSError, zlib.error, ChainruleError):
        record = unpack_record(place.read_bytes())
        return None if record.held else record
    return None


@lru_cache(maxsize=1)
def _load(course: Path) -> Manifest:
    manifest = load_manifest(course / FILENAME)
    return choose_edition(manifest, manifest.container.edition)


def _is_unchanged(job: Job, manifest: Manifest) -> bool:
    """Return whether the course is as the run knows it: in this process, which has loaded it, and on disk."""
    return not job.version or job.version == _find_version(job.course) == digest_course(manifest)


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


def digest_course(manifest: Manifest) -> dict[str, str]:
    """Return digests of what marks depend on besides the submission, by name; each question's checks have their own."""
    files = {question.id: question.file for question in manifest.questions}
    folders = [manifest.path("public"), manifest.path("hidden")]
    for secret in manifest.container.secrets:  # below a folder of checks, which would make it during the run
        read_or_make_secret(manifest.root / secret)
    found = {
        f"{QUESTION_CHECKS}{name}": digest_named(manifest.root, (folder / file for folder in folders))
        for name, file in files.items()
    }
    others = (file for folder in folders for file in walk_files(folder) if file.name not in (*files.values(), HINTS))
    found["other files of checks"] = digest_named(manifest.root, others)
    found["manifest"] = _digest_manifest(manifest.root / FILENAME)
    found["reference"] = digest_submission(manifest.path("reference"))
    if manifest.edition is not None:
        given = (manifest.root / source for source in manifest.edition.given.values())
        editions = sorted(manifest.path("editions").glob("*.toml"))
        found["edition"] = digest_named(manifest.root, [*editions, *given])
    found["engine"] = digest_named(ENGINE, (file for file in walk_files(ENGINE) if file.suffix == ".py"))
    versions = find_versions(list_libraries(manifest))
    return found | {"libraries": ", ".join(f"{name} {version}" for name, version in versions.items())}


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


def _digest_manifest(file: Path) -> str:
    """Return a digest of the tables that marks depend on; one that cannot be read counts by its bytes."""
    content = file.read_bytes()
    with contextlib.suppress(ValueError):
        tables = tomllib.loads(content.decode("utf-8-sig"))
        judging = {name: table for name, table in tables.items() if name not in NO_MARKS}
        content = json.dumps(judging, sort_keys=True, default=str).encode()
    return hashlib.sha256(content).hexdigest()
