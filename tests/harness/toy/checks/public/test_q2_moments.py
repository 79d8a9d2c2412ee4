"""Q2: mean, variance and how fast they come."""

from grader.checks import expect, points


@points(1, "shapes.moments")
def test_moments_mean(student, reference, rng):
    """moments returns the mean of each column"""
    x = rng.randn(6, 3)
    expect(student.shapes.moments(x), "mean variance", only="mean").to_match(reference.shapes.moments(x), rel=1e-12)


@points(1, "shapes.moments")
def test_moments_variance(student, reference, rng):
    """moments returns the variance of each column"""
    x = rng.randn(6, 3)
    expect(student.shapes.moments(x), "mean variance", only="variance").to_match(reference.shapes.moments(x), rel=1e-12)


@points(2, "shapes.moments", timing=True)
def test_moments_speed(race):
    """moments needs no Python loop"""
    race(lambda package, rng: (package.shapes.moments, (rng.randn(100_000, 2),)), at_most=8)
