"""Runs the checks of one function in a process of their own, so that what a notebook's kernel holds doesn't matter."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ..course import manifest as manifests
from ..course.manifest import Manifest, ManifestError
from ..results.record import SETTLED, Check, Record
from ..course.source import unwritten

SECONDS = 120


@dataclass(frozen=True)
class Judgement:
    """What came of a check cell: the checks that ran, or `trouble`, one sentence, where none could."""

    name: str
    question: str = ""
    checks: list[Check] = field(default_factory=list)
    trouble: str = ""
    unwritten: str = ""  # the place of the stub that still stands

    @property
    def passed(self) -> bool:
        return bool(self.checks) and all(check.outcome in SETTLED for check in self.checks)

    def __str__(self) -> str:
        from ..results import notebook

        return notebook.text(self)


class NotPassed(AssertionError):
    """Something is not right yet; the text is what a student reads."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement)
        self.judgement = judgement


def judge(name: str, question: str, function: str, seconds: float = SECONDS) -> Judgement:
    """Runs the public checks of a question that judge a function; raises NotPassed unless all of them pass."""
    try:
        manifest = manifests.load(manifests.find(Path.cwd()))
        checks = _run(manifest, question, function, seconds)
        place = unwritten(manifest.path("student"), [function]).get(function, "")
        checks = [check for check in checks if check.visibility == "public"]
        found = Judgement(name, question, checks, unwritten=place and f"{manifest.paths.student}/{place}")
    except ManifestError as error:
        found = Judgement(name, question, trouble=str(error))
    if not found.passed:
        raise NotPassed(found)
    return found


def _run(manifest: Manifest, question: str, function: str, seconds: float) -> list[Check]:
    """The results of `python -m grader check`; raises ManifestError with the reason why there are none."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        record, errors = Path(folder, "record.json"), Path(folder, "errors.txt")
        command = [sys.executable, "-m", "grader", "check", "-q", question, "--function", function, "--json", record]
        with errors.open("wb") as stream:
            options = {"cwd": manifest.root, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
            try:
                subprocess.run(command, stderr=stream, timeout=seconds, **options)
            except subprocess.TimeoutExpired:
                raise ManifestError(
                    f"the checks were ended after {seconds:g} s; run python -m grader check -q {question} "
                    "in a terminal to see which one takes so long"
                ) from None
        if record.is_file():
            return msgspec.json.decode(record.read_bytes(), type=Record).checks
        said = errors.read_text(errors="replace").strip().splitlines() or ["the checks ended without a word"]
        raise ManifestError(said[-1].removeprefix("cannot run: "))
