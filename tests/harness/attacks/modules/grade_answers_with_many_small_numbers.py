"""Answer with forty million bytes, each of which becomes eight once the grader computes with it."""

import numpy as np

KIND = "grade"
OUTCOME = "crashed or failed"
OPEN = "an array counts as what it is in float64, so it is never read"
CHECKS = "area_grows"


def area(width, height):
    return np.ones(40_000_000, np.int8)


def moments(x):
    return area(x, x), area(x, x)


def squares(sides):
    return area(sides, sides)
