"""Answer with arrays of objects, of structures, of text and of complex numbers."""

import numpy as np

KIND = "grade"
OUTCOME = "failed"
OPEN = "the wire takes arrays of real numbers only"


def area(width, height):
    return np.array([object(), 1.0], dtype=object)


def moments(x):
    return np.zeros(3, dtype=[("a", float)]), np.array(["right"])


def squares(sides):
    return np.ones(5, complex)
