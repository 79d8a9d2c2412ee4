"""Checks reject every small slip in a NumPy function, but those that are listed because they change nothing."""

from pathlib import Path

import pytest

from grader.course import manifest as manifests
from tests.harness.mutants.mutate import mutants
from tests.harness.mutants.survey import QUESTIONS, equivalents, survey, unexplained

MANIFEST = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)
SOURCE = """def slope(x, at=0):
    if at > 1:
        x -= np.sum(x, axis=0)
    return x @ x.T
"""


def test_a_mutant_has_one_slip():
    made = [(mutant.before, mutant.after) for mutant in mutants("shapes.slope", SOURCE, {2, 3, 4})]
    assert made == [
        ("if at > 1:", "if not at > 1:"),
        ("if at > 1:", "if at >= 1:"),
        ("if at > 1:", "if at > 2:"),
        ("x -= np.sum(x, axis=0)", "x += np.sum(x, axis=0)"),
        ("x -= np.sum(x, axis=0)", "x -= np.sum(x)"),
        ("x -= np.sum(x, axis=0)", "x -= np.mean(x, axis=0)"),
        ("x -= np.sum(x, axis=0)", "x -= np.sum(x, axis=1)"),
        ("x -= np.sum(x, axis=0)", "pass"),
        ("return x @ x.T", "return x * x.T"),
        ("return x @ x.T", "return x @ x"),
    ]


def test_only_what_students_write_is_changed():
    assert list(mutants("shapes.slope", SOURCE, set())) == []


@pytest.mark.slow
def test_every_mutant_is_rejected_or_listed():
    found = survey(MANIFEST, [MANIFEST.question(name) for name in QUESTIONS])
    assert found.count > 500
    assert unexplained(found.survivors) == []
    idle = [entry.before for entry in equivalents() if not any(map(entry.matches, found.survivors))]
    assert idle == []
