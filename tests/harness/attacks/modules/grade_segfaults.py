"""Read address zero."""

import ctypes

KIND = "grade"
OUTCOME = "crashed"
OPEN = "a worker that dies has given no answer"


def area(width, height):
    return ctypes.string_at(0)


def moments(x):
    return ctypes.string_at(0)


def squares(sides):
    return ctypes.string_at(0)
