"""Answer with an array over the size limit of a frame."""

import numpy as np

KIND = "grade"
OUTCOME = "failed or timeout"
OPEN = "what is over the limit stays in its worker"


def area(width, height):
    return np.broadcast_to(np.float64(1), (1 << 26,))


def moments(x):
    return np.broadcast_to(np.float64(1), (1 << 26,)), np.broadcast_to(np.float64(1), (1 << 26,))


def squares(sides):
    return area(sides, sides)
