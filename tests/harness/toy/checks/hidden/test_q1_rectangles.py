"""Q1, hidden: unusual sides."""

from grader.checks import expect, points


@points(1, "shapes.area")
def test_area_of_nothing(student, reference):
    """area is zero for a side of zero"""
    sides = 4.0, 0.0
    expect(student.shapes.area(*sides), "area").to_match(reference.shapes.area(*sides), rel=1e-12)


@points(1, "shapes.area")
def test_area_of_squares(student, reference, rng):
    """area is used by squares"""
    sides = rng.rand(5)
    expect(student.shapes.squares(sides), "area").to_match(reference.shapes.squares(sides), rel=1e-12)
