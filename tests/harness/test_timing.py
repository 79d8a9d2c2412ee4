"""A race's verdict is the median of its pairs: without warm-up, longer near the limit, short when hopeless."""

from itertools import chain, repeat

import numpy as np
import psutil
import pytest

from grader.checks import timing
from grader.checks.expect import Mismatch
from grader.checks.timing import Race, Side, explain_slow, judge_race
from grader.errors import Ending, WorkerTimeout
from grader.limits import RACE_PAIRS, RACE_PAIRS_CLEAR, RACE_PAIRS_NEAR

ANSWER = np.arange(3.0)
LIMIT = 10.0


class FakeWorker:
    """A worker whose calls take the CPU seconds it is told, and its own package."""

    def __init__(self, seconds, answer=ANSWER, log=None, name="") -> None:
        self._seconds, self._answer, self._clock, self._paused = iter(seconds), answer, 0.0, False
        self.log, self.name, self.other, self.seeds = [] if log is None else log, name, None, []

    def root(self):
        return self

    @property
    def process(self):
        return self

    def pause(self):
        self._paused = True

    def resume(self):
        self._paused = False

    def cpu_seconds(self):
        return self._clock

    def put(self, value):
        return value

    def count(self):
        return 0

    def forget(self, held):
        pass

    def keep(self, function, *arguments):
        assert self.other._paused and not self._paused
        self.log.append(self.name)
        seconds = next(self._seconds)
        if isinstance(seconds, Exception):
            raise seconds
        self._clock += seconds
        return self._answer

    def open(self, result):
        return result

    def prepare(self, package, rng):
        self.seeds.append(rng.randint(10**9))
        return "function", (self.seeds[-1],)


def race(ratios, answer=ANSWER, wanted=ANSWER, verify=True) -> tuple[Race, list[str]]:
    """A race of a contender that takes these multiples of the opponent's time."""
    log: list[str] = []
    mine, theirs = FakeWorker(ratios, answer, log, "mine"), FakeWorker(repeat(1.0), wanted, log, "theirs")
    mine.other, theirs.other = theirs, mine
    return Race(Side(mine, mine.prepare), Side(theirs, theirs.prepare), 100, verify), log


def mismatch(contest: Race, limit: float = LIMIT) -> Mismatch:
    with pytest.raises(Mismatch) as found:
        judge_race(contest, limit, "the reference")
    return found.value


def test_median_of_seven_pairs_decides():
    contest, log = race([1, 2, 30, 3, 90, 1, 2, 4])
    assert judge_race(contest, LIMIT, "the reference") == 3
    assert len(contest.ratios) == RACE_PAIRS
    assert len(log) == 2 * (RACE_PAIRS + 1)


def test_first_pair_only_warms_up():
    contest, _ = race(chain([1000], repeat(2)))
    assert judge_race(contest, LIMIT, "the reference") == 2
    contest, _ = race(chain([0.001], repeat(20)))
    assert mismatch(contest).error == 20


def test_sides_take_turns_in_going_first():
    contest, log = race(repeat(1))
    judge_race(contest, LIMIT, "the reference")
    firsts = log[::2]
    assert firsts == ["theirs", "mine"] * (len(firsts) // 2)
    assert [a != b for a, b in zip(log[::2], log[1::2], strict=True)] == [True] * len(firsts)


def test_both_sides_draw_alike_and_afresh_for_each_pair():
    contest, _ = race(repeat(1))
    judge_race(contest, LIMIT, "the reference")
    mine, theirs = contest.contender.worker.seeds, contest.opponent.worker.seeds
    assert mine == theirs
    assert len(set(mine)) == RACE_PAIRS_CLEAR + 1


@pytest.mark.parametrize("ratio", [8.5, 10.0, 12.4])
def test_what_stays_near_the_limit_passes_after_more_pairs(ratio):
    contest, _ = race(repeat(ratio))
    assert judge_race(contest, LIMIT, "the reference") == pytest.approx(ratio)
    assert len(contest.ratios) == RACE_PAIRS_NEAR


@pytest.mark.parametrize("ratio, pairs", [(1.0, RACE_PAIRS_CLEAR), (4.9, RACE_PAIRS_CLEAR), (5.1, 7), (7.9, 7)])
def test_what_is_clearly_within_the_limit_passes_at_once(ratio, pairs):
    contest, _ = race(repeat(ratio))
    assert judge_race(contest, LIMIT, "the reference") == pytest.approx(ratio)
    assert len(contest.ratios) == pairs


def test_one_pair_that_is_not_clearly_within_the_limit_has_all_pairs_run():
    contest, _ = race(chain([1, 1, 1, 6], repeat(20)))
    assert mismatch(contest).error == 20
    assert len(contest.ratios) == RACE_PAIRS


@pytest.mark.parametrize("ratio", [12.6, 20, 39])
def test_what_is_clearly_beyond_the_limit_fails(ratio):
    contest, _ = race(repeat(ratio))
    found = mismatch(contest)
    assert (found.error, found.allowed) == (pytest.approx(ratio), LIMIT)
    assert found.message.startswith(f"took {ratio:.3g} times the CPU time of the reference (allowed 10)")
    assert len(contest.ratios) == RACE_PAIRS


def test_slow_beside_a_function_of_ones_own_names_that_function():
    contest, _ = race(repeat(20.0))
    contest.opponent.set_up = lambda seed, set_up=contest.opponent.set_up: (
        set_up(seed),
        setattr(contest.opponent, "asked", "layers.batchnorm_backward"),
    )
    with pytest.raises(Mismatch) as found:
        judge_race(contest, 1.5, "")
    said = "times the CPU time of your own batchnorm_backward (allowed 1.5); is there a loop or a needless step left, "
    said += "or does the simpler form stand in the other one?"
    assert found.value.message == f"took 20 {said}"
    assert found.value.brief == f"took more than 20 {said}"


@pytest.mark.parametrize("ratio, told", [(1.5004, "1.5004"), (1.6, "1.6"), (1.5, "1.5")])
def test_ratio_and_limit_are_not_the_same_number_in_a_sentence(ratio, told):
    assert explain_slow(ratio, 1.5, "the reference").full.startswith(f"took {told} times")


def test_more_pairs_may_turn_the_verdict():
    contest, _ = race(chain([1], [11] * 7, repeat(2)))
    assert judge_race(contest, LIMIT, "the reference") < 8
    contest, _ = race(chain([1], [11] * 7, repeat(30)))
    assert mismatch(contest).error > 12.5


def test_some_slow_pairs_of_a_busy_machine_change_nothing():
    contest, _ = race([1, 90, 1, 1, 90, 1, 90, 1])
    assert judge_race(contest, LIMIT, "the reference") == 1


def test_a_burst_of_load_on_most_pairs_changes_nothing():
    contest, log = race(chain([1] * 2, [20] * 6, repeat(1)))
    assert judge_race(contest, LIMIT, "the reference") == 1
    assert contest.median() == 1
    assert len(log) == 2 * (RACE_PAIRS + 1 + RACE_PAIRS_CLEAR + 1)


def test_two_slow_races_fail_with_the_lower_median():
    contest, _ = race(chain([30] * (RACE_PAIRS + 1), repeat(15)))
    assert mismatch(contest).error == 15
    assert contest.median() == 15
    mine = contest.contender.worker.seeds
    assert len(set(mine)) == len(mine) == 2 * (RACE_PAIRS + 1)


def test_hopeless_stops_early():
    contest, log = race(repeat(50))
    assert mismatch(contest).error == 50
    assert len(log) == 4


def test_what_float32_rounds_off_loses_no_race():
    contest, _ = race(repeat(1), answer=ANSWER.astype(np.float32) * np.float32(1 + 1e-6))
    assert judge_race(contest, LIMIT, "the reference") == 1


def test_one_slow_pair_is_not_hopeless():
    contest, _ = race(chain([500], repeat(1)))
    assert judge_race(contest, LIMIT, "the reference") == 1
    contest, _ = race(chain([1, 500], repeat(1)))
    assert judge_race(contest, LIMIT, "the reference") == 1


@pytest.mark.parametrize(
    "answer, sentence",
    [
        (ANSWER + 1e-3, "result 1 of the timed call: relative error"),
        (None, "result 1 of the timed call: is None"),
        (ANSWER[:2], "result 1 of the timed call: shape is (2,), expected (3,)"),
    ],
)
def test_fast_wrong_answer_is_rejected(answer, sentence):
    contest, _ = race(repeat(0.01), answer)
    assert sentence in mismatch(contest).message
    contest, _ = race(repeat(0.01), answer, verify=False)
    assert judge_race(contest, LIMIT, "the reference") == pytest.approx(0.01)


def test_every_array_of_an_answer_is_compared():
    contest, _ = race(repeat(0.01), (ANSWER, ANSWER + 1), (ANSWER, ANSWER))
    assert "result 2 of the timed call" in mismatch(contest).message
    contest, _ = race(repeat(0.01), (ANSWER,), (ANSWER, ANSWER))
    assert "result 2 of the timed call: is None" in mismatch(contest).message


def test_a_list_of_arrays_is_as_good_as_a_tuple():
    contest, _ = race(repeat(0.01), [ANSWER, ANSWER], (ANSWER, ANSWER))
    assert judge_race(contest, LIMIT, "the reference") == pytest.approx(0.01)
    contest, _ = race(repeat(0.01), [ANSWER], ANSWER)
    assert "result 1 of the timed call: is a list" in mismatch(contest).message


def test_call_that_does_not_come_back():
    hung = WorkerTimeout("shapes.moments", Ending.LATE, 2)
    contest, _ = race([hung])
    waited = "shapes.moments did not finish within 2 s (half as long each time it hangs again)"
    assert mismatch(contest).message == f"{waited}; allowed is 10 times the CPU time of the reference"
    assert not contest.opponent.worker._paused


def test_reference_that_does_not_come_back_is_no_fault_of_the_student():
    hung = WorkerTimeout("shapes.moments", Ending.LATE, 2)
    hung.trusted = True
    contest, _ = race([hung])
    with pytest.raises(WorkerTimeout):
        judge_race(contest, LIMIT, "the reference")


LOOP = """
def moments(x):
    mean = 0
    for row in x:
        mean = mean + row
    mean = mean / len(x)
    variance = 0
    for row in x:
        variance = variance + (row - mean) ** 2
    return mean, variance / len(x)
"""


@pytest.mark.skipif(not timing.can_measure(), reason="needs the kernel's CPU clocks")
def test_python_loop_is_rejected_and_an_array_operation_is_not(toy):
    toy.write("student/shapes.py", LOOP)
    checks = toy.outcomes(questions=["Q2"])
    assert {name: check.outcome for name, check in checks.items()} == {
        "moments_mean": "passed",
        "moments_variance": "passed",
        "moments_speed": "failed",
        "moments_far_from_zero": "passed",
    }
    slow = checks["moments_speed"]
    assert slow.cpu_ratio > slow.allowed
    assert "times the CPU time of the reference (allowed 8); is a Python loop left" in slow.message
    assert slow.message.partition("; seed")[0].endswith("optimize=True, or an np.dot of more than two axes?")
    quick = toy.outcomes("solution", questions=["Q2"], keyword="speed")["moments_speed"]
    assert quick.outcome == "passed"
    assert 0.3 < quick.cpu_ratio < 3


@pytest.mark.skipif(not timing.can_measure(), reason="needs the kernel's CPU clocks")
@pytest.mark.parametrize("results", ["results", "map(lambda result: result, results)"])
def test_results_that_are_computed_once_they_are_asked_for_take_their_time_too(toy, results):
    loop = LOOP.replace("moments", "compute").replace("return mean, variance", "yield mean\n    yield variance")
    toy.write("student/shapes.py", f"{loop}\n\ndef moments(x):\n    results = compute(x)\n    return {results}\n")
    checks = toy.outcomes(questions=["Q2"])
    assert {check.outcome for name, check in checks.items() if name != "moments_speed"} == {"passed"}
    assert checks["moments_speed"].outcome == "failed"


def test_speed_is_not_judged_where_it_is_not_asked_for(toy):
    assert "moments_speed" not in toy.outcomes("solution", questions=["Q2"], timing=False)


BUILT_ON_ANOTHER = '''
import numpy as np
import psutil

from grader.checks import expect, points


@points(4, "shapes.moments", timing=True)
def test_moments_speed(race):
    """moments is fast"""

    def prepare(package, rng):
        mean, _ = package.shapes.moments(rng.rand(2000, 100))
        return package.shapes.moments, (np.tile(mean, (20000, 1)),)

    race(prepare, at_most=8)
'''


@pytest.mark.skipif(not timing.can_measure(), reason="needs the kernel's CPU clocks")
def test_answer_that_cannot_be_prepared_with_is_no_grader_error(toy):
    toy.write("checks/public/test_q2_moments.py", BUILT_ON_ANOTHER)
    toy.write("student/shapes.py", "def moments(x):\n    return (x.mean(axis=0),)\n")
    check = toy.outcomes(questions=["Q2"], keyword="speed")["moments_speed"]
    assert (check.outcome, check.score, check.cpu_ratio) == ("failed", 0, None)
    assert check.message == "returned 1 value, expected 2 (mean, ...)"


@pytest.mark.skipif(not timing.can_measure(), reason="no speed is judged here")
def test_nobody_but_the_contestants_runs_during_a_race(toy, monkeypatch):
    """Code of the package runs in workers that come up for the next check, so it could take a part in it."""
    run, seen = timing.Side.run, set()

    def watched(side, other):
        seen.add(len(psutil.Process(toy.zygotes.get(("numpy",)).pid).children()))
        run(side, other)

    monkeypatch.setattr(timing.Side, "run", watched)
    assert toy.outcomes("solution", keyword="moments_mean or speed")["moments_speed"].outcome == "passed"
    assert seen == {3}  # the contestants, and the reference, which waits for its next check
