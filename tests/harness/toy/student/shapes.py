# Generated from solution/shapes.py by "python -m grader stubs" (unedited: ae737a8f8999)
"""Areas of rectangles, and moments of samples."""

import numpy as np


def area(width, height):
    """Returns the areas (N,) of rectangles of these widths (N,) and heights (N,)."""
    # Write area here; checks/public/test_q1_rectangles.py judges it.
    raise NotImplementedError("shapes.area")


def moments(x):
    """Returns the mean (D,) and the variance (D,) of samples x (N, D)."""
    # Write moments here; checks/public/test_q2_moments.py judges it.
    raise NotImplementedError("shapes.moments")


def squares(sides):
    """Returns the areas (N,) of squares of these sides, which may be a list; given."""
    sides = np.asarray(sides, dtype=float)
    return area(sides, sides)
