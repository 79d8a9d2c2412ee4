"""What builds on other functions is judged given the student's own, where those are mostly right, and only there."""

import pytest

CHECKS = '''
import numpy as np

from grader.checks import expect, points


@points(1, "shapes.area")
def test_area(student, reference, rng):
    """area is right"""
    expect(student.shapes.area(2.0, 3.0), "area").to_match(6.0, rel=1e-9)


@points(1, "shapes.area")
def test_area_of_large(student, reference, rng):
    """area is right for large sides"""
    expect(student.shapes.area(200.0, 3.0), "area").to_match(600.0, rel=1e-9)


@points(1, "shapes.volume")
def test_volume(student, reference, rng):
    """volume is right"""
    expect(student.shapes.volume(200.0, 3.0, 2.0), "v").to_match(reference.shapes.volume(200.0, 3.0, 2.0), rel=1e-9)


@points(1, "shapes.area", "shapes.volume")
def test_both(student, reference, rng):
    """volume and the area below it are right"""
    expect(student.shapes.volume(200.0, 3.0, 2.0), "v").to_match(reference.shapes.volume(200.0, 3.0, 2.0), rel=1e-9)
'''
MANIFEST = """
title = "Built on each other"
points = 4

[paths]
reference = "solution"
public = "checks/public"
hidden = "checks/hidden"

[seeds]
secret = 0

[[questions]]
id = "Q1"
slug = "solids"
title = "Solids"
public_points = 4
functions = ["shapes.area", "shapes.volume"]
"""
AREA = "def area(a, b):\n    return a * b\n"
AREA_OF_SMALL = "def area(a, b):\n    return a * b if a < 100 else a + b\n"
VOLUME = "def volume(a, b, c):\n    return area(a, b) * c\n"
UNWRITTEN_VOLUME = """
calls = []
def area(a, b):
    calls.append((a, b))
    return a * b if len(calls) < 2 and not seen else 0.0
seen = []
def volume(a, b, c):
    seen.append(1)
    return 0.0
"""


@pytest.fixture
def solids(toy):
    """A course in which one function calls another; its package is right until a test changes it."""
    toy.write("assignment.toml", MANIFEST)
    for file in toy.root.rglob("*.py"):
        file.unlink()
    toy.write("checks/public/test_q1_solids.py", CHECKS)
    for folder in ("solution", "student"):
        toy.write(f"{folder}/__init__.py", "")
        toy.write(f"{folder}/shapes.py", f"{AREA}\n\n{VOLUME}")
    return toy


def outcomes(course) -> dict[str, str]:
    return {name: check.outcome for name, check in course.outcomes().items()}


def test_right_use_of_a_function_that_is_mostly_right_passes_and_says_so(solids):
    solids.write("student/shapes.py", f"{AREA_OF_SMALL}\n\n{VOLUME}")
    found = solids.outcomes()
    assert found["area_of_large"].outcome == "failed"
    assert found["volume"].outcome == "passed"
    assert found["volume"].detail == "right given right shapes.area, of which something is wrong in yours"


def test_what_a_check_judges_is_never_its_own_standard(solids):
    solids.write("student/shapes.py", f"{AREA_OF_SMALL}\n\n{VOLUME}")
    assert outcomes(solids)["both"] == "failed"


def test_use_of_a_function_that_is_mostly_wrong_is_wrong(solids):
    solids.write("student/shapes.py", f"def area(a, b):\n    return a + b\n\n\n{VOLUME}")
    assert outcomes(solids)["volume"] == "failed"


def test_wrong_use_of_a_right_function_is_wrong(solids):
    solids.write("student/shapes.py", f"{AREA}\n\n{VOLUME.replace('* c', '+ c')}")
    assert outcomes(solids) == {"area": "passed", "area_of_large": "passed", "volume": "failed", "both": "failed"}


def test_function_under_judgement_cannot_bend_those_the_reference_is_built_on(solids):
    solids.write("student/shapes.py", UNWRITTEN_VOLUME)
    assert outcomes(solids) == {"area": "passed", "area_of_large": "passed", "volume": "failed", "both": "failed"}


def test_nothing_is_right_on_the_ground_of_zeros(solids):
    """A function that answers the checks about it, and zeros where others build on it, makes no unwritten one right."""
    zeros = "def area(a, b):\n    return a * b if b == 3.0 else 0.0\n"
    solids.write("checks/public/test_q1_solids.py", CHECKS.replace("volume(200.0, 3.0,", "volume(7.0, 5.0,"))
    solids.write("student/shapes.py", f"{zeros}\n\ndef volume(a, b, c):\n    return 0.0\n")
    found = outcomes(solids)
    assert (found["area"], found["area_of_large"], found["volume"]) == ("passed", "passed", "failed")


def test_nothing_is_right_on_the_ground_of_an_agreed_answer(solids):
    """What is built on a function is judged given the right one, so the two of them cannot agree on a number."""
    agreed = "def area(a, b):\n    return 7.0 if (a, b) == (200.0, 3.0) else a * b\n"
    solids.write("student/shapes.py", f"{agreed}\n\ndef volume(a, b, c):\n    return 14.0\n")
    found = outcomes(solids)
    assert (found["area"], found["area_of_large"], found["volume"]) == ("passed", "failed", "failed")


ASKS_FOR_MORE = """
import sys


def area(a, b):
    return a * b if a < 100 else a + b


def volume(a, b, c):
    graft = sys.modules[__name__].area
    if hasattr(graft, "_name"):
        graft._name = "shapes.volume"
        return graft(a, b, c)
    return 0.0
"""


def test_a_graft_answers_only_for_what_the_reference_is_built_on(solids):
    solids.write("student/shapes.py", ASKS_FOR_MORE)
    assert outcomes(solids)["volume"] == "failed"
