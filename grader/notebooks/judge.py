"""Run the checks of one function in a process of their own, so that what a notebook's kernel holds doesn't matter."""

import subprocess
import sys
import tempfile
from pathlib import Path

from ..limits import CHECK_CELL_SECONDS
from ..errors import ChainruleError, ChecksError
from ..course import manifest as manifests
from ..course.manifest import Manifest
from ..course.source import find_stubs
from ..results.notebook import Judgement
from ..results.record import Check, from_json



class NotPassed(AssertionError):
    """Something is not right yet; the text is what a student reads."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement)
        self.judgement = judgement


def judge(name: str, question: str, function: str, seconds: float = CHECK_CELL_SECONDS) -> Judgement:
    """Run the public checks of a question that judge a function; raise NotPassed unless all of them pass."""
    try:
        manifest = manifests.load(manifests.find_for_notebook(Path.cwd()))
        checks = _run(manifest, question, function, seconds)
        place = find_stubs(manifest.path("student"), [function]).get(function, "")
        checks = [check for check in checks if check.visibility == "public"]
        found = Judgement(name, question, checks, unwritten=place and f"{manifest.paths.student}/{place}")
    except ChainruleError as error:
        found = Judgement(name, question, trouble=str(error))
    if not found.passed:
        raise NotPassed(found)
    return found


def _run(manifest: Manifest, question: str, function: str, seconds: float) -> list[Check]:
    """Return the results of `python -m grader check`; raise ChecksError with the reason where there are none."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        record, errors = Path(folder, "record.json"), Path(folder, "errors.txt")
        command = [sys.executable, "-m", "grader", "check", "-q", question, "--function", function, "--json", str(record)]
        with errors.open("wb") as stream:
            try:
                subprocess.run(
                    command,
                    cwd=manifest.root,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stream,
                    timeout=seconds,
                )
            except subprocess.TimeoutExpired:
                raise ChecksError(
                    f"the checks were ended after {seconds:g} s; run python -m grader check -q {question} "
                    "in a terminal to see which one takes so long"
                ) from None
        if record.is_file():
            return from_json(record.read_bytes()).checks
        said = errors.read_text(errors="replace").strip().splitlines() or ["the checks ended without a word"]
        raise ChecksError(said[-1].removeprefix("cannot run: "))
