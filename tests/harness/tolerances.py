"""The table behind the tolerances: of each check, what it allows, how far right answers are off, and wrong ones.

`python -m tests.harness.tolerances [Q1 …]` prints it. Right answers are those of the reference and of the known ways of
writing it that cost nothing; wrong ones are those of the known mistakes that the check rejects for their values.
"""

import functools
import importlib
import math
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grader.course import manifest as manifests
from grader.course.catalogue import load_catalogue
from grader.course.manifest import Manifest, Question
from grader.grading.forks import ForkedJudge, call_in_fork
from grader.grading.mistakes import planted

expect = importlib.import_module("grader.checks.expect")  # the name in the package is the function's
Claim = tuple[float, float]  # what is allowed, and the error
MARGIN = 10.0  # between what is allowed and the errors of right and of wrong answers


@dataclass
class Row:
    """One check: the tolerances it names, and errors as multiples of the tolerance that judged them."""

    allowed: set[float] = field(default_factory=set)
    right: float = 0.0
    wrong: float = math.inf
    right_by: str = "the reference"
    wrong_by: str = ""

    @property
    def holds(self) -> bool:
        """Whether the tolerance keeps its distance from right and from wrong answers."""
        return self.right * MARGIN <= 1 and self.wrong >= MARGIN


def table(manifest: Manifest, question: Question) -> dict[str, Row]:
    """The rows of a question's checks that compare values with a tolerance, by the check's id."""
    rows: dict[str, Row] = defaultdict(Row)
    judge = ForkedJudge(manifest, question.id, second_looks=False)
    for variant in [None, *load_catalogue(manifest, question.id).variants]:
        name, costs = (variant.id, set(variant.costs)) if variant else ("the reference", set())
        with planted(manifest, *filter(None, [variant])) as package:
            checks = costs & set(judge.ids) or set(judge.ids)
            found = call_in_fork(functools.partial(_measure, judge, package, checks), dict[str, list[Claim]])
        for check, claims in (found or {}).items():
            if claims:
                _enter(rows[check], claims, name, right=not costs)
    return dict(rows)


def _measure(judge: ForkedJudge, package: Path, checks: set[str]) -> dict[str, list[Claim]]:
    """Runs some checks on a package and returns what each compares."""
    found = {}
    for check in checks:
        with _measured() as claims:
            judge.judge_here(package, {check})
        found[check] = claims
    return found


def _enter(row: Row, claims: list[Claim], name: str, right: bool) -> None:
    """Enters how far off an answer is."""
    for rel, error in claims:
        row.allowed.add(rel)
        if right and error / rel > row.right:
            row.right, row.right_by = error / rel, name
    if not right and 1 < claims[-1][1] / claims[-1][0] < row.wrong:
        row.wrong, row.wrong_by = claims[-1][1] / claims[-1][0], name


@contextmanager
def _measured() -> Iterator[list[Claim]]:
    """Lists tolerance and error of each comparison of values, in their order."""
    claims: list[Claim] = []
    to_match, relative_error = expect.Expectation.to_match, expect.relative_error
    allowed: list[float] = []

    def matching(self: Any, expected: Any, rel: float, *rest: Any, **more: Any) -> None:
        allowed.append(rel)
        try:
            to_match(self, expected, rel, *rest, **more)
        finally:
            allowed.pop()

    def measuring(*arguments: Any) -> float:
        error = relative_error(*arguments)
        if allowed and allowed[-1]:
            claims.append((allowed[-1], error))
        return error

    expect.Expectation.to_match, expect.relative_error = matching, measuring
    try:
        yield claims
    finally:
        expect.Expectation.to_match, expect.relative_error = to_match, relative_error


def main(names: list[str]) -> None:
    manifest = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)
    for name in names or [question.id for question in manifest.questions]:
        for check, row in table(manifest, manifest.question(name)).items():
            allowed = ", ".join(f"{rel:.0e}" for rel in sorted(row.allowed))
            right, wrong = f"{row.right:.0e} ({row.right_by})", f"{row.wrong:.0e} ({row.wrong_by})"
            mark = " " * 5 if row.holds else "CLOSE"
            print(f"{mark} {check}: allowed {allowed}; times that, right {right}, wrong {wrong}")


if __name__ == "__main__":
    main(sys.argv[1:])
