"""Q2, hidden: a sample far from zero."""

from grader.checks import expect, points


@points(1, "shapes.moments")
def test_moments_far_from_zero(student, reference, rng):
    """moments does not lose the variance of large numbers"""
    x = 1e6 + rng.randn(50, 2)
    expect(student.shapes.moments(x), "mean variance").to_match(reference.shapes.moments(x), rel=1e-6)
