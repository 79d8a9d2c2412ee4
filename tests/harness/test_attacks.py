"""No hostile submission gets anywhere in any tier of isolation, and each would where nothing stops it.

By default the open tier and the first closed one this user can have are tried. With --slow, an ordinary user's as well,
and those without Landlock, in which official grading needs closed folders or is refused.
"""

import math

import pytest

from grader.checks import timing
from tests.harness.attacks import runner

ATTACKS = {attack.name: attack for attack in runner.everything()}
PAIRS = [
    pytest.param(name, tier, marks=[] if tier in runner.tiers()[:2] else [pytest.mark.slow])
    for tier in runner.tiers()
    for name in ATTACKS
    if not runner.skipped(ATTACKS[name], tier)
]


@pytest.fixture(scope="session")
def results(request):
    """The results of a tier by attack, run in one go at the first question for one of them."""
    wanted = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    done = {}

    def ask(tier):
        if tier not in done:
            chosen = [ATTACKS[params["name"]] for params in wanted if params.get("tier") == tier]
            done[tier] = {result.name: result for result in runner.run_tier(tier, chosen)}
        return done[tier]

    return ask


@pytest.mark.parametrize(("name", "tier"), PAIRS)
def test_attack_comes_to_what_it_says(results, name, tier):
    try:
        result = results(tier)[name]
    except runner.Unreachable as reason:
        pytest.skip(str(reason))
    assert runner.complaint(ATTACKS[name], result) == ""


def test_there_are_enough_attacks_and_most_would_work():
    works = [attack for attack in ATTACKS.values() if attack.opens == runner.WORKS]
    assert len(ATTACKS) >= 64 and len(works) >= len(ATTACKS) / 2


def test_nothing_may_leak_where_every_layer_is_on():
    assert not [attack.name for attack in ATTACKS.values() if set(attack.leaks) & set(runner.NEVER_LEAK)]


@pytest.mark.parametrize("name", ["timing_computes_when_inputs_come", "timing_computes_when_asked_again"])
def test_work_besides_the_timed_call_pays_where_no_clock_runs_over_it(toy, monkeypatch, name):
    """These attacks work, then; what stops them is the clock, not a fault of theirs."""
    toy.write("student/shapes.py", (runner.MODULES / f"{name}.py").read_text())
    assert toy.outcomes(keyword="speed")["moments_speed"].outcome == "failed"
    monkeypatch.setattr(timing, "ELSEWHERE", math.inf)
    assert toy.outcomes(keyword="speed")["moments_speed"].outcome == "passed"
