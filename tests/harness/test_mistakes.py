"""Each check rejects a known-wrong implementation, which costs its own checks and no more; right variants cost nothing.

By default a choice of mistakes is planted that together fail every check, and every right variant; with --slow, all.
"""

from pathlib import Path

import pytest

from grader import manifest as manifests
from grader import mistakes, run

MANIFEST = manifests.load(Path(__file__).parents[2] / manifests.FILENAME)


@pytest.fixture(scope="module", params=[question.id for question in MANIFEST.questions])
def question(request, zygotes):
    """A question's id and its checks as the reference leaves them."""
    record = run.grade(MANIFEST, MANIFEST.path("reference"), run.Selection([request.param]), zygotes=zygotes)
    return request.param, record.checks


def cover(known, checks):
    """A small choice of mistakes whose costs together are all the checks, and every variant that costs nothing."""
    left, chosen = set(checks), [mistake for mistake in known if not mistake.costs]
    while left:
        best = max(known, key=lambda mistake: len(left.intersection(mistake.costs)))
        if not left.intersection(best.costs):
            return chosen
        chosen.append(best)
        left.difference_update(best.costs)
    return chosen


def test_the_reference_passes_every_check(question):
    assert [(check.id, check.message) for check in question[1] if check.outcome != "passed"] == []


def test_every_check_rejects_some_mistake(question):
    name, checks = question
    rejected = {cost for mistake in mistakes.load(MANIFEST, name) for cost in mistake.costs}
    assert {check.id for check in checks} == rejected


def test_each_mistake_costs_what_it_should(question, zygotes, tmp_path, request):
    name, checks = question
    slow_checks = {check.id for check in checks if check.cpu_ratio is not None}
    known = mistakes.load(MANIFEST, name)
    chosen = known if request.config.getoption("--slow") else cover(known, {check.id for check in checks})
    wrong = []
    for mistake in chosen:
        timing = bool(slow_checks.intersection(mistake.costs))
        trial = mistakes.trial(MANIFEST, mistake, name, tmp_path, zygotes, timing)
        if not trial.as_expected:
            wrong.append((mistake.id, sorted(trial.lost ^ set(mistake.costs))))
    assert wrong == []
