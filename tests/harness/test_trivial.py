"""Who computes nothing earns next to nothing: zeros, or the input handed back, of the right shape in every function."""

from pathlib import Path

import pytest

from grader.checks.choice import Selection
from grader.course import manifest as manifests
from grader.grading import run
from tests.harness import trivial

MANIFEST = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)
SLOW = pytest.mark.slow
CEILING = 3  # of 100 points


@pytest.mark.parametrize(
    "kind, timing", [("identity", False), *(pytest.param(kind, True, marks=SLOW) for kind in trivial.KINDS)]
)
def test_trivial_answers_earn_next_to_nothing(kind, timing, tmp_path, zygotes):
    package = trivial.build(MANIFEST, tmp_path / "student", kind)
    record = run.grade_package(MANIFEST, package, Selection(timing=timing), zygotes=zygotes)
    assert record.score <= CEILING, [(check.score, check.id) for check in record.checks if check.score]
    assert {check.outcome for check in record.checks} <= {"passed", "failed", "blocked"}
