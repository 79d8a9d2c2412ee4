"""The check files of the notebooks, in Otter's exception format: one for each function that a question judges."""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

from ..course.manifest import Manifest, ManifestError, exact, plain
from .naming import check_name

HEADER = "# Generated from "
TEMPLATE = """{header}{origin} by "python -m grader notebooks"
from otter.test_files import test_case

OK_FORMAT = False
name = "{name}"
points = {points}


@test_case(name="{function}")
def check():
    try:
        from grader.notebooks.judge import judge
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
        """The file's content."""
        fields = {"name": self.name, "question": self.question, "function": self.function, "origin": self.origin}
        return TEMPLATE.format(header=HEADER, points=plain(self.points), **fields)


def collect(manifest: Manifest) -> dict[str, CheckFile]:
    """The check files by name, in the order of manifest and checks; raises ManifestError where checks don't load."""
    found: dict[str, CheckFile] = {}
    for state in _states(manifest):
        for function in state.judged:
            name = check_name(manifest, state.check.question, function)
            question = manifest.question(state.check.question)
            origin = f"{manifest.paths.public}/{question.file}"
            file = found.setdefault(name, CheckFile(name, question.id, function, origin))
            if file.function != function:
                raise ManifestError(f"{file.function} and {function}: both make the check {name}; rename one of them")
            file.points += exact(state.check.points)
    return found


def surplus(folder: Path, names: Iterable[str]) -> list[Path]:
    """Generated check files of other names."""
    wanted = set(names)
    return [f for f in sorted(folder.glob("*.py")) if f.stem not in wanted and f.read_text().startswith(HEADER)]


def _states(manifest: Manifest):
    """What pytest collects in the public files."""
    from ..grading.run import run_pytest

    files = [manifest.path("public") / question.file for question in manifest.questions]
    collector = _Collector(manifest)
    run_pytest(manifest, [file for file in files if file.is_file()], [collector], "--collect-only")
    if collector.problem:
        raise ManifestError(collector.problem)
    return collector.states


class _Collector:
    """A pytest plugin that notes what checks there are and runs none."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest, self.states, self.problem = manifest, [], ""

    def pytest_configure(self, config) -> None:
        from ..checks.marker import MARKER

        config.addinivalue_line("markers", MARKER)

    def pytest_collectreport(self, report) -> None:
        from ..checks.collect import loading_problem

        self.problem = self.problem or loading_problem(report)

    def pytest_collection_modifyitems(self, items) -> None:
        from ..checks.collect import describe

        try:
            self.states = [describe(item, self.manifest) for item in items]
        except ManifestError as error:
            self.problem = str(error)
