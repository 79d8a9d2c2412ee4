"""One graded run: from a package folder to a record, through pytest."""

import platform
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from ..checks import messages, timing
from ..checks.choice import Selection
from ..checks.collect import RUNNING, CheckCollector, find_files, run_pytest
from ..checks.context import RunContext
from ..checks.imports import find_stray_imports
from ..checks.plugin import ChecksPlugin
from ..course.manifest import Manifest, list_libraries, to_fraction, to_number
from ..course.schema import LeftOut
from ..errors import CourseError
from ..files import list_some
from ..limits import REPORT_INTERVAL_SECONDS
from ..results import record as records
from ..results.record import CheckResult, Note, NoteKind, Outcome, Record
from ..results.summary import count_noun, is_wrong
from ..sandbox.parent.zygote_pool import ZygotePool
from .hints import Hints

CHANGED = (
    "{} is not the file whose answers were recorded; if a check complains, take it once more from what you downloaded."
)
INTERRUPTED = 2
SHOWN = 8  # stray imports that a note names; more are counted
AGAIN = {"grade": "hand in again", "watch": "save it"}  # how the next run comes about, by command
PROBLEMS = {  # by pytest's exit status
    3: "the checks could not be run; what pytest says is above",
    4: "the checks could not be run; what pytest says is above",
    5: "no check matches this choice; choose other questions, another -k or --function, or leave out --no-timing",
}


class Progress:
    """Takes results into a record and shows it to `update`, each within a second, whatever comes next.

    `tell` hears of each finished check at once, with how many there are; that is 0 until they are collected.
    """

    def __init__(
        self,
        record: Record,
        manifest: Manifest,
        update: Callable[[Record], None] | None,
        tell: Callable[[list[CheckResult], int], None] | None = None,
    ) -> None:
        self.record, self._manifest, self._update, self._shown = record, manifest, update, 0.0
        self._tell, self.expected = tell, 0
        self._lock = threading.RLock()
        self._later: threading.Timer | None = None
        record.checks = []

    def expect(self, checks: list[CheckResult]) -> None:
        """Take the checks that will run."""
        self.expected = len(checks)
        if self._manifest.edition is not None and self.record.command == "grade":
            self.record.scaled_from = records.sum_points(check.points for check in checks)
        if self._tell:
            self._tell([], self.expected)

    @property
    def left(self) -> int:
        """Return how many checks have not run."""
        return self.expected - len(self.record.checks)

    def collect(self, check: CheckResult) -> None:
        """Take a finished check; show it now, or soon after where others have only just been shown."""
        with self._lock:
            self.record.checks.append(check)
            if self._tell:
                self._tell(self.record.checks, self.expected)
            if self._update and time.monotonic() - self._shown > REPORT_INTERVAL_SECONDS:
                self.show()
            elif self._update and self._later is None:
                self._later = threading.Timer(REPORT_INTERVAL_SECONDS, self.show)
                self._later.daemon = True
                self._later.start()

    def show(self) -> None:
        """Bring the totals up to date and show the record."""
        with self._lock:
            self.close()
            records.tally(self.record, self._manifest)
            self._shown = time.monotonic()
            if self._update:
                self._update(self.record)

    def close(self) -> None:
        """Show nothing any more by itself."""
        with self._lock:
            if self._later is not None:
                self._later.cancel()
            self._later = None


def new_record(manifest: Manifest, command: str, submission: str) -> Record:
    """Make the record of a run that has not begun: no points of all points."""
    record = Record(assignment=manifest.title, command=command, submission=submission, max_score=manifest.points)
    record.environment = records.find_versions(list_libraries(manifest)) | {"platform": platform.platform()}
    return record


def grade_package(
    manifest: Manifest,
    student: Path,
    selection: Selection,
    record: Record | None = None,
    update: Callable[[Record], None] | None = None,
    zygotes: ZygotePool | None = None,
    debug: bool = False,
    official: bool = False,
    keep: bool = False,
    started: float | None = None,
    tell: Callable[[list[CheckResult], int], None] | None = None,
    hints: Hints | None = None,
) -> Record:
    """Run the selected checks on the package in `student`; `update` and `tell` see the record as it grows.

    A check that passes with the public seed is run again with every secret seed and must pass each time. The run's
    time began when it `started`, by default now. Zygotes that are given are left running, for the next run. With
    `keep`, workers go from check to check, which is quicker; what fails in one is then run again in a fresh one.
    In the end `hints` name misconceptions. Raise CourseError when manifest and checks disagree, SandboxError when no
    worker can be had, or, in an official run, when the layers that hold are too few.
    """
    started = started or time.monotonic()
    record = record or new_record(manifest, "check", student.name)
    progress = Progress(record, manifest, update, tell)
    options = debug, official, keep and not debug, selection.seed, selection.secret_seeds
    context = RunContext(manifest, student, zygotes or ZygotePool(), *options, started=started, second_looks=not debug)
    record.causes = context.imports.causes
    try:
        tried = run_checks(context, selection, progress).tried
        if hints is not None:
            hints.name(context, tried)
        context.close()  # every worker is collected then
        cpu = context.cpu_seconds()
    finally:
        progress.close()
        context.close()
        if zygotes is None:
            context.zygotes.close()
    record.seconds, record.cpu_seconds = round(time.monotonic() - started, 3), round(cpu, 3)
    _conclude(progress, context, selection)
    return record


def _conclude(progress: Progress, context: RunContext, selection: Selection) -> None:
    """Put the results that stay beside those of the run, in the order of the questions, and add the remarks."""
    record, questions = progress.record, [question.id for question in context.manifest.questions]
    record.complete = not progress.left
    if progress.left:
        sentence = f"Stopped at the first failure; {progress.left} of {progress.expected} checks were not run."
        record.notes.append(Note(NoteKind.STOPPED, sentence))
    record.checks = sorted([*record.checks, *selection.kept], key=lambda check: questions.index(check.question))
    record.notes += _remarks(record, context) + _unscored(context)
    progress.show()


def _remarks(record: Record, context: RunContext) -> list[Note]:
    """Return a note on where to go on."""
    todo = context.imports.next_step() or _find_todo(record.checks, context)
    again = AGAIN.get(record.command, "run this again")
    return [Note(NoteKind.NEXT, f"Next: {todo}, then {again}.")] if todo else []


def _find_todo(checks: list[CheckResult], context: RunContext) -> str:
    """Return the first function that public checks find wrong or unwritten, and what to do with it; empty for none.

    Where there is none, it is the first one that a blocked check needs.
    """
    places = context.faults.stubs
    for check in checks:
        if is_wrong(check):
            return f"fix {', '.join(check.functions)}"
        stub = next(filter(places.get, check.functions), "") if check.outcome is Outcome.NOT_ATTEMPTED else ""
        if stub:
            return _say_write(stub, context)
    needed = next((check.needs for check in checks if check.needs in context.faults.functions), "")
    return _say_write(needed, context) if needed in places else f"fix {needed}" if needed else ""


def _say_write(stub: str, context: RunContext) -> str:
    return f"write {stub} in place of its raise ({context.student.name}/{context.faults.stubs[stub]})"


def _unscored(context: RunContext) -> list[Note]:
    """Return a note on what is not scored, since it takes the reference."""
    unscored = context.scores.unscored
    if not unscored:
        return []
    how_many = "1 more check" if len(unscored) == 1 else f"{len(unscored)} more checks"
    worth = f"{to_number(sum(unscored.values(), Fraction(0)))} points"
    sentence = f"Scored when you hand in, since it takes the reference: {how_many}, worth {worth}."
    return [Note(NoteKind.NOT_SCORED, sentence)]


def _check_answers(context: RunContext, files: list[Path]) -> list[Note]:
    """Return notes on changed files of checks. Raise CourseError where recorded answers cannot serve."""
    if context.recorded_answers is None:
        return []
    recorded = context.recorded_answers.header.seed
    if context.public_seed != recorded or context.secret_seeds:
        raise CourseError(
            f"only the reference's answers for the seed {recorded} are here, not the reference itself; "
            "leave other seeds out"
        )
    return [Note(NoteKind.CHECKS, CHANGED.format(name)) for name in context.recorded_answers.changed(files)]


def run_checks(
    context: RunContext, selection: Selection, progress: Progress, make: Callable[..., ChecksPlugin] = ChecksPlugin
) -> ChecksPlugin:
    """Run pytest on the chosen files, and return the plugin that ran the checks.

    Raise CourseError with what went wrong when it could not run the checks.

    `make` makes another plugin of the same arguments.
    """
    manifest, questions = context.manifest, selection.choose(context.manifest)
    if not context.in_process:
        context.setup.begin(tuple(questions[0].libraries))
    files = find_files(manifest, questions)
    progress.record.notes += _check_answers(context, files)
    for check in selection.kept:
        context.scores.add(check)
    chosen = replace(selection, timing=selection.timing and (timing.can_measure() or not context.races))
    collector = CheckCollector(manifest, chosen, [] if selection.keyword else questions)
    checks = make(context, progress.collect, progress.expect, selection.stops)
    if not context.in_process:
        context.setup.finish(tuple(questions[0].libraries))
        progress.record.isolation = context.setup.active_layers()
        progress.record.notes += _describe_weakness(context)
    status = run_pytest(manifest, files, [collector, checks])
    progress.record.notes += describe_edition(manifest, collector.left_out)
    if stray := list(map(str, find_stray_imports(manifest, context.student))):
        said = messages.STRAY_IMPORTS.format(list_some(stray, SHOWN, "; "))
        progress.record.notes.append(Note(NoteKind.IMPORTS, said))
    progress.record.checks.sort(key=lambda check: collector.places[check.id])
    progress.record.isolation = context.setup.active_layers()
    if checks.failure:
        raise checks.failure
    if collector.problem or status in PROBLEMS:
        raise collector.problem or CourseError(PROBLEMS[status])
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    return checks


def describe_edition(manifest: Manifest, left_out: Sequence[tuple[CheckResult, LeftOut]]) -> list[Note]:
    """Return notes on the edition that was graded: which checks are left out and why, and which files are given."""
    if manifest.edition is None:
        return []
    notes = []
    for entry in manifest.edition.left_out:
        points = [check.points for check, by in left_out if by is entry]
        worth = to_number(sum(map(to_fraction, points), to_fraction(entry.points)))
        what = [*entry.questions, *([count_noun(len(points), "check")] if points else [])]
        if what:
            notes.append(f"Left out: {' and '.join(what)}, {count_noun(worth, 'point')}: {entry.why}.")
    if manifest.edition.given:
        notes.append(f"Given by this course: {', '.join(manifest.edition.given)}, in the place of those handed in.")
    return [Note(NoteKind.EDITION, sentence) for sentence in notes]


def collect_checks(manifest: Manifest, selection: Selection | None = None) -> list[CheckResult]:
    """Return the selected checks, all by default, as data. Raise CourseError and UsageError as a run does."""
    return [item.stash[RUNNING].check for item in collect_items(manifest, selection or Selection())]


def collect_items(manifest: Manifest, selection: Selection) -> list[pytest.Function]:
    """Return the selected checks as pytest collects them. Raise CourseError and UsageError as a run does."""
    questions = selection.choose(manifest)
    collector = CheckCollector(manifest, selection, [] if selection.keyword else questions)
    status = run_pytest(manifest, find_files(manifest, questions), [collector], "--collect-only")
    if collector.problem or status in PROBLEMS:
        raise collector.problem or CourseError(PROBLEMS[status])
    return collector.items


def _describe_weakness(context: RunContext) -> list[Note]:
    """Return what a reader must know where official grading would be refused, once where they see each run."""
    refusal, told = context.setup.refusal(), context.zygotes.weakness_told
    if not refusal or (told and context.keep):
        return []
    context.zygotes.weakness_told = True
    is_linux = sys.platform.startswith("linux")
    warning = "Student code is not isolated here, so run only what you trust: " if is_linux else ""
    return [Note(NoteKind.ISOLATION, f"{warning}{refusal}.")]
