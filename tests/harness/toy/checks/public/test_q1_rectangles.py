"""Q1: areas, with points that no sum of floats adds up right."""

import pytest

from grader.checks import expect, points


@points(0.1, "shapes.area")
@pytest.mark.parametrize("n", range(1, 11))
def test_area(student, reference, rng, n):
    """area multiplies the sides of {n} rectangles"""
    sides = rng.rand(n), rng.rand(n)
    expect(student.shapes.area(*sides), "area").to_match(reference.shapes.area(*sides), rel=1e-12)
