"""Answer with an array whose shape says what the hidden inputs were."""

import numpy as np

KIND = "grade"
OUTCOME = "failed"
OPEN = "a hidden check says of an answer only that it is not what it should be"
CHECKS = "keeps_the_shape"
WORDS = ("48151",)


def area(width, height):
    return np.zeros((48151, 1), np.int8)


def moments(x):
    return area(x, x), area(x, x)


def squares(sides):
    return area(sides, sides)
