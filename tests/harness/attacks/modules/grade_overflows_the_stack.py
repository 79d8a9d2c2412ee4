"""Recurse without end with the interpreter's limit lifted."""

import sys

KIND = "grade"
OUTCOME = "crashed or timeout or failed"
OPEN = "a worker that dies has given no answer"
CHECKS = "area_of_nothing"


def area(width, height):
    sys.setrecursionlimit(10**9)
    return repr(_nested())


def _nested():
    nested = []
    for _ in range(10**6):
        nested = [nested]
    return nested


def moments(x):
    return area(x, x)


def squares(sides):
    return area(sides, sides)
