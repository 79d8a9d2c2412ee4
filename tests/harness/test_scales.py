"""A measured value earns the points of its step on the manifest's scale, and stands on the leaderboard."""

import pytest

from grader.course import manifest as manifests
from grader.errors import CourseError

MANIFEST = """
title = "A contest"
points = 3

[paths]
reference = "solution"
public = "checks/public"
hidden = "checks/hidden"

[[scales]]
name = "contest"
title = "Share of hits"
steps = [[0.5, 1], [0.7, 2.5], [0.9, 3]]

[[questions]]
id = "Q1"
slug = "contest"
title = "Contest"
public_points = 3
functions = ["contest.hits"]
"""

CHECK = '''
from grader.checks import points


@points(3, "contest.hits", once=True)
def test_hits(student, scale):
    """many hits"""
    scale("contest", student.contest.hits())
'''

STORIES = {
    0.9: (3, "passed", ""),
    0.8999: (2.5, "failed", "Share of hits: 0.8999 earns 2.5 of 3 points; from 0.9 on it earns 3"),
    0.5: (1, "failed", "Share of hits: 0.500 earns 1 of 3 points; from 0.7 on it earns 2.5"),
    0.25: (0, "failed", "Share of hits: 0.250 earns 0 of 3 points; from 0.5 on it earns 1"),
}


@pytest.fixture
def contest(toy):
    """A course of one check, in which the package's hits are measured."""
    for file in toy.root.rglob("*.py"):
        file.unlink()
    toy.write("assignment.toml", MANIFEST)
    toy.write("checks/public/test_q1_contest.py", CHECK)
    for folder in ("solution", "student"):
        toy.write(f"{folder}/contest.py", "def hits():\n    return 1.0\n")
    return toy


@pytest.mark.parametrize("value", STORIES)
def test_value_earns_the_step_it_reaches(contest, value):
    contest.write("student/contest.py", f"def hits():\n    return {value}\n")
    record = contest.grade(secret_seeds=["one"])
    (check,) = record.checks
    assert (check.score, check.outcome, check.message.partition("; seed")[0]) == STORIES[value]
    assert record.score == STORIES[value][0]
    assert [(s.name, s.value, s.order) for s in record.leaderboard] == [("Share of hits", round(value, 3), "desc")]


def test_a_negative_value_earns_nothing(contest):
    contest.write("student/contest.py", "def hits():\n    return -1.0\n")
    assert contest.grade().score == 0


@pytest.mark.parametrize("value, sentence", [("nan", "Share of hits: is NaN"), ("inf", "Share of hits: is infinite")])
def test_what_is_not_finite_earns_nothing_and_has_no_standing(contest, value, sentence):
    contest.write("student/contest.py", f"def hits():\n    return float('{value}')\n")
    record = contest.grade()
    assert (record.score, record.leaderboard, sentence in record.checks[0].message) == (0, [], True)


def test_what_raises_has_no_standing(contest):
    contest.write("student/contest.py", "def hits():\n    raise ValueError('no')\n")
    record = contest.grade()
    assert (record.score, record.leaderboard) == (0, [])


def test_check_with_one_seed_is_run_once(contest):
    contest.write("student/contest.py", "def hits():\n    print('shot', flush=True)\n    return 1.0\n")
    assert contest.grade(secret_seeds=["one", "two"]).checks[0].output == "shot\n"
    contest.replace("checks/public/test_q1_contest.py", ", once=True", "")
    assert contest.grade(secret_seeds=["one", "two"]).checks[0].output == "shot\n" * 3


def test_scale_that_does_not_fit_its_check_is_the_graders_fault(contest):
    contest.replace("assignment.toml", "[0.9, 3]", "[0.9, 4]")
    (check,) = contest.grade().checks
    assert (check.outcome, check.score, check.held) == ("grader_error", 0, 3)
    assert "scales contest: its top is 4 points, q1_contest/hits is worth 3" in check.detail


WRONG = {
    "steps = []": "scales contest.steps: no rising steps; write pairs of a least value and",
    "steps = [[0.5, 2], [0.7, 1]]": "scales contest.steps: no rising steps; write pairs of a least value and",
    "steps = [[0.7, 1], [0.5, 2]]": "scales contest.steps: no rising steps; write pairs of a least value and",
    "steps = [[0.7, 0]]": "scales contest.steps[0][1]: expected `int` >= 1",
}


@pytest.mark.parametrize("steps", WRONG)
def test_wrong_scale_is_named(contest, steps):
    contest.replace("assignment.toml", "steps = [[0.5, 1], [0.7, 2.5], [0.9, 3]]", steps)
    with pytest.raises(CourseError) as raised:
        manifests.load_manifest(contest.root / "assignment.toml")
    assert WRONG[steps] in str(raised.value)


def test_unknown_scale_is_named(contest):
    contest.replace("checks/public/test_q1_contest.py", '"contest", student', '"race", student')
    (check,) = contest.grade().checks
    assert check.outcome == "grader_error"
    assert "there is no scale 'race'; choose from contest" in check.detail


@pytest.mark.parametrize("hits", ["0.25", "'none'"])
def test_what_the_reference_reaches_is_never_the_students_standing(contest, hits):
    """Neither where its answer is compared, nor where it stands in for an answer that cannot be used."""
    contest.replace(
        "checks/public/test_q1_contest.py", "test_hits(student, scale)", "test_hits(student, reference, scale)"
    )
    contest.replace("checks/public/test_q1_contest.py", "student.contest.hits())", "student.contest.hits() + 0.0)")
    contest.write("student/contest.py", f"def hits():\n    return {hits}\n")
    record = contest.grade()
    assert record.score == 0
    assert [standing.value for standing in record.leaderboard] == ([0.25] if hits == "0.25" else [])
