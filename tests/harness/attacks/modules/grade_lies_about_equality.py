"""Answer with an array that says it equals whatever it is compared with."""

import numpy as np

KIND = "grade"
OUTCOME = "failed"
OPEN = "arrays are compared in the grader, as plain numbers"


class Liar(np.ndarray):
    """Equal to everything."""

    def __eq__(self, other):
        return np.ones(self.shape, bool)

    def __sub__(self, other):
        return np.zeros(self.shape)

    __rsub__ = __sub__


def _lie(x):
    return np.asarray(x * 0 + 1.0).view(Liar)


def area(width, height):
    return _lie(np.zeros(3))


def moments(x):
    return _lie(np.zeros(3)), _lie(np.zeros(3))


def squares(sides):
    return area(sides, sides)
