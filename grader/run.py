"""One graded run: from a package folder to a record, through pytest, once per seed."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import record as records
from .checks.context import Grading, Zygotes
from .manifest import Manifest, ManifestError, Question
from .record import Check, Record
from .sandbox import confine


@dataclass
class Selection:
    """Which checks to run: questions by id (all when empty), a pytest -k expression, with timing or not, which seed."""

    questions: list[str] = field(default_factory=list)
    keyword: str = ""
    timing: bool = True
    seed: int | None = None

    def of(self, manifest: Manifest) -> list[Question]:
        """The chosen questions in the manifest's order; raises ManifestError for an unknown id."""
        wanted = {manifest.question(name).id for name in self.questions}
        return [question for question in manifest.questions if not wanted or question.id in wanted]


def grade(
    manifest: Manifest,
    student: Path,
    selection: Selection,
    secret_seeds: list[str] = (),
    update: Callable[[Record], None] | None = None,
    command: str = "check",
    debug: bool = False,
    zygotes: Zygotes | None = None,
) -> Record:
    """Runs the selected checks on the package in `student`; `update` sees the record after each check.

    A check that passes with the public seed is run again with every secret seed and must pass each time.
    Zygotes that are given are left running, for the next run.
    Raises ManifestError when manifest and checks disagree, SandboxError when no worker can be had.
    """
    started, cpu = time.monotonic(), _cpu_seconds()
    questions = selection.of(manifest)
    grading = Grading(manifest, student, zygotes or Zygotes(), debug)
    record = Record(assignment=manifest.title, command=command, submission=student.name)
    record.environment, record.isolation = records.environment(), confine.active()
    results: dict[str, Check] = {}
    progress = Progress(record, update)

    def collect(check: Check) -> None:
        results[check.id] = merge(results.get(check.id), check)
        progress.show(lambda: _refresh(record, results, manifest))

    try:
        grading.zygotes.get(tuple(questions[0].libraries))
        progress.show(lambda: None, now=True)
        public = manifest.seeds.public if selection.seed is None else selection.seed
        for seed in [public, *secret_seeds]:
            _run_pytest(grading, questions, selection, seed, seed in secret_seeds, collect, results)
    finally:
        grading.close()
        if zygotes is None:
            grading.zygotes.close()
    record.seconds, record.cpu_seconds = round(time.monotonic() - started, 3), round(_cpu_seconds() - cpu, 3)
    record.complete = True
    progress.show(lambda: _refresh(record, results, manifest), now=True)
    return record


class Progress:
    """Shows a record to `update` at most every quarter of a second, and whenever told `now`."""

    def __init__(self, record: Record, update: Callable[[Record], None] | None) -> None:
        self._record, self._update, self._last = record, update, 0.0

    def show(self, refresh: Callable[[], None], now: bool = False) -> None:
        """Brings the record up to date with `refresh` and shows it, unless that was done a moment ago."""
        if now or (self._update and time.monotonic() - self._last > 0.25):
            refresh()
            self._last = time.monotonic()
            if self._update:
                self._update(self._record)


def _refresh(record: Record, results: dict[str, Check], manifest: Manifest) -> None:
    record.checks = list(results.values())
    records.tally(record, manifest)


def merge(first: Check | None, again: Check) -> Check:
    """A check's result over several seeds: it passes only if it passes every time."""
    if first is None or (again.outcome != "passed" and first.outcome == "passed"):
        if first is not None and again.message:
            again.message = f"right on the published inputs, wrong on others: {again.message}"
        return again
    return first


def _run_pytest(grading, questions, selection, seed, secret, collect, results) -> None:
    import pytest

    from .checks import plugin

    manifest = grading.manifest
    folders = [manifest.path("public"), manifest.path("hidden")]
    files = [str(folder / question.file) for question in questions for folder in folders]
    files = [file for file in files if os.path.isfile(file)]
    if not files:
        raise ManifestError(f"there are no checks for {', '.join(q.id for q in questions)} in {folders[0]}")
    skip = {check.id for check in results.values() if check.outcome != "passed"} if secret else set()
    checks = plugin.ChecksPlugin(
        grading, seed, collect, secret=secret, timing=selection.timing and not secret, skip=skip
    )
    arguments = [
        "--disable-plugin-autoload",
        "-p",
        "no:terminal",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:logging",
        "-p",
        "no:faulthandler",
    ]
    arguments += ["--assert=plain", "--import-mode=importlib", "--capture=no", "-c", os.devnull]
    arguments += ["--rootdir", str(manifest.root), f"--confcutdir={folders[0].parent}"]
    arguments += ["-k", selection.keyword] if selection.keyword else []
    sys.path.insert(0, str(manifest.root))
    try:
        status = pytest.main([*arguments, *files], plugins=[plugin, checks])
    finally:
        sys.path.remove(str(manifest.root))
    if checks.problem:
        raise ManifestError(checks.problem)
    if status == pytest.ExitCode.NO_TESTS_COLLECTED and not secret:
        raise ManifestError(
            "no check matches this choice; choose other questions, another -k, or leave out --no-timing"
        )
    if status in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        raise ManifestError("the checks could not be run; what pytest says is above")
    if status == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt


def _cpu_seconds() -> float:
    """CPU time of this process and of every process it has collected."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
