"""Areas of rectangles, and moments of samples."""

import numpy as np


def area(width, height):
    """Returns the areas (N,) of rectangles of these widths (N,) and heights (N,)."""
    # BEGIN SOLUTION
    areas_of_rectangles = width * height
    return areas_of_rectangles
    # END SOLUTION


def moments(x):
    """Returns the mean (D,) and the variance (D,) of samples x (N, D)."""
    # BEGIN SOLUTION
    mean = x.mean(axis=0)
    variance = np.square(x - mean).mean(axis=0)
    return mean, variance
    # END SOLUTION


def squares(sides):
    """Returns the areas (N,) of squares of these sides, which may be a list; given."""
    sides = np.asarray(sides, dtype=float)
    return area(sides, sides)
