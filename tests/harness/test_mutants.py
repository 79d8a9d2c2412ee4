"""Checks reject every small slip in a NumPy function, but those that are listed because they change nothing."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from grader.course import manifest as manifests
from grader.results.record import Outcome
from tests.harness.mutants.mutate import mutants
from tests.harness.mutants.survey import QUESTIONS, equivalents, survey, survives, unexplained

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


@pytest.mark.parametrize("outcome", [Outcome.PASSED, Outcome.FAILED, Outcome.BLOCKED])
def test_a_mutant_survives_where_each_check_passes(tmp_path, outcome):
    (tmp_path / "shapes.py").write_text(SOURCE)
    checks = [SimpleNamespace(outcome=Outcome.PASSED), SimpleNamespace(outcome=outcome)]
    judge = SimpleNamespace(judge=lambda package, function, first: checks)
    mutant = next(mutants("shapes.slope", SOURCE, {2}))
    assert survives([judge], tmp_path, mutant) is (outcome is Outcome.PASSED)
    assert (tmp_path / "shapes.py").read_text() == SOURCE


@pytest.mark.slow
def test_every_mutant_is_rejected_or_listed():
    found = survey(MANIFEST, [MANIFEST.question(name) for name in QUESTIONS])
    assert found.count > 500
    assert unexplained(found.survivors) == []
    idle = [entry.before for entry in equivalents() if not any(map(entry.matches, found.survivors))]
    assert idle == []
