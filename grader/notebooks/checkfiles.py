"""Make the check files of the notebooks, in Otter's exception format, and run what a cell of theirs asks for."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..course import manifest as manifests
from ..course.manifest import Manifest, to_fraction, to_number
from ..course.source import find_stubs, locate
from ..errors import ChainruleError, ChecksError, CourseError
from ..limits import CHECK_CELL_SECONDS
from ..results.notebook import Judgement
from ..results.record import Record, from_json

if TYPE_CHECKING:  # pytest takes a while to import, and a kernel does without
    from ..checks.collect import RunningCheck

CALL = re.compile(r"^[^#\n]*\bgrader\.check\(\s*[\"']([^\"']*)[\"']", re.MULTILINE)  # a call that is not commented out
HEADER = "# Generated from "
TEMPLATE = """{header}{origin} by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "{name}"
points = {points}


@test_case(name="{function}")
def check():
    try:
        from grader.notebooks.checkfiles import judge
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"no module {{error.name!r}}; run the notebook's first code cells again") from None
    return judge(name, "{question}", "{function}")
"""


@dataclass
class CheckFile:
    """One judged function of one question, with the public points of the checks that judge it."""

    name: str
    question: str
    function: str
    origin: str
    points: Fraction = field(default_factory=Fraction)

    def text(self) -> str:
        """Return the file's content."""
        fields = {"name": self.name, "question": self.question, "function": self.function, "origin": self.origin}
        return TEMPLATE.format(header=HEADER, points=to_number(self.points), **fields)


def collect_check_files(manifest: Manifest) -> dict[str, CheckFile]:
    """Return the check files by name, in the order of manifest and checks.

    Raise CourseError where checks don't load, or two functions make the same name.
    """
    found: dict[str, CheckFile] = {}
    for running in _collect_checks(manifest):
        for function in running.judged:
            name = name_check(manifest, running.check.question, function)
            question = manifest.question(running.check.question)
            origin = f"{manifest.paths.public}/{question.file}"
            file = found.setdefault(name, CheckFile(name, question.id, function, origin))
            if file.function != function:
                raise CourseError(f"{file.function} and {function}: both make the check {name}; rename one of them")
            file.points += to_fraction(running.check.points)
    return found


def name_check(manifest: Manifest, question: str, function: str) -> str:
    """Return `q2_net_loss` for Q2 and `nets.Net.loss`: the question, the class and the function in snake case."""
    try:
        path = locate(manifest.path("student"), function)[1]
    except LookupError as error:
        raise CourseError(f"{error}; fix the name, or generate the package first") from None
    words = [re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", part).strip("_") for part in path]
    return "_".join([question, *words]).lower()


def suggest(name: str, names: Collection[str]) -> str:
    """Return the remedy for a wrong name of a check."""
    near = get_close_matches(name, names, n=3)
    return f"perhaps {' or '.join(near)}" if near else "the names are those of the files in notebooks/tests"


def find_surplus(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return generated check files of other names."""
    others = [file for file in sorted(folder.glob("*.py")) if file.stem not in set(names)]
    return [file for file in others if file.read_bytes().startswith(HEADER.encode())]


def _collect_checks(manifest: Manifest) -> list[RunningCheck]:
    """Return what pytest collects in the public files, having run none of it."""
    from ..checks.collect import CheckCollector
    from ..grading.run import run_pytest

    files = [manifest.path("public") / question.file for question in manifest.questions]
    collector = CheckCollector(manifest)
    run_pytest(manifest, [file for file in files if file.is_file()], [collector], "--collect-only")
    if collector.problem:
        raise collector.problem
    return collector.chosen


class NotPassed(AssertionError):
    """Something is not right yet; the text is what a student reads."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement)
        self.judgement = judgement


def judge(name: str, question: str, function: str, seconds: float = CHECK_CELL_SECONDS) -> Judgement:
    """Run the public checks of a question that judge a function. Raise NotPassed unless all of them pass."""
    try:
        manifest = manifests.load_manifest(manifests.find_for_notebook(Path.cwd()))
        record = _run(manifest, question, function, seconds)
        place = find_stubs(manifest.path("student"), [function]).get(function, "")
        checks = [check for check in record.checks if check.visibility == "public"]
        found = Judgement(
            name, question, checks, causes=record.causes, unwritten=place and f"{manifest.paths.student}/{place}"
        )
    except ChainruleError as error:
        found = Judgement(name, question, trouble=str(error))
    if not found.passed:
        raise NotPassed(found)
    return found


def _run(manifest: Manifest, question: str, function: str, seconds: float) -> Record:
    """Return the record of `python -m grader check`. Raise ChecksError with the reason where there are none."""
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        written, errors = Path(folder, "record.json"), Path(folder, "errors.txt")
        chosen = ["-q", question, "--function", function]
        command = [sys.executable, "-m", "grader", "check", *chosen, "--json", str(written)]
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
        if written.is_file():
            return from_json(written.read_bytes())
        said = errors.read_text(errors="replace").strip().splitlines() or ["the checks ended without a word"]
        raise ChecksError(said[-1].removeprefix("cannot run: "))
