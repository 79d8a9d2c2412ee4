"""Each tolerance lies ten times above the errors of right answers and ten times below those of wrong ones."""

import math
from pathlib import Path

import pytest

from grader.course import manifest as manifests
from tests.harness.tolerances import Row, table

MANIFEST = manifests.load_manifest(Path(__file__).parents[2] / manifests.FILENAME)


@pytest.mark.parametrize(
    "right, wrong, holds", [(0.1, 10, True), (0.11, 1e9, False), (0.0, 9.9, False), (1e-6, math.inf, True)]
)
def test_a_row_holds_with_a_margin_on_both_sides(right, wrong, holds):
    assert Row(right=right, wrong=wrong).holds is holds


@pytest.mark.slow
@pytest.mark.parametrize("question", MANIFEST.questions, ids=lambda question: question.id)
def test_tolerances_keep_their_distance(question):
    rows = table(MANIFEST, question)
    assert len(rows) > 5
    assert any(row.right > 0 for row in rows.values())
    assert any(row.wrong < math.inf for row in rows.values())
    assert {check: row for check, row in rows.items() if not row.holds} == {}
