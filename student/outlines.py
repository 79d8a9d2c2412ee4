# Generated from reference/outlines.py by "python -m grader stubs" (unedited: 164967bd2b7e)
"""The outlines of Shapes-10's classes, each as the signed distance of a point from it: negative inside.

Coordinates are float32 arrays, x to the right and y down; the origin is the shape's middle, and its radius about 1.
Arithmetic is elementwise, with + - *, sqrt and comparisons only, for the reason that shapes10.py gives.
"""

from collections.abc import Callable

import numpy as np


def _disc(x, y, r=0.85):
    return np.sqrt(x * x + y * y) - r


def _ring(x, y):
    return np.abs(np.sqrt(x * x + y * y) - 0.72) - 0.24


def _triangle(x, y):
    return np.maximum(0.8660254 * np.abs(x) - 0.5 * y, y) - 0.57


def _square(x, y):
    return np.maximum(np.abs(x), np.abs(y)) - 0.76


# Unit vectors at right angles to the five lines that a pentagram is drawn with.
PENTAGRAM = ((0.0, 1.0), (0.9510565, 0.309017), (-0.9510565, 0.309017), (0.5877853, -0.809017), (-0.5877853, -0.809017))


def _star(x, y):
    # A point is inside if it is on the inner side of at least four lines: the second largest distance counts.
    largest = second = np.full_like(x, -9)
    for a, b in PENTAGRAM:
        distance = a * x + b * y
        second = np.maximum(second, np.minimum(largest, distance))
        largest = np.maximum(largest, distance)
    return second - 0.37


def _cross(x, y):
    x, y = np.abs(x), np.abs(y)
    return np.minimum(np.maximum(x - 0.95, y - 0.3), np.maximum(x - 0.3, y - 0.95))


def _crescent(x, y):
    return np.maximum(_disc(x + 0.15, y, 1.0), -_disc(x - 0.38, y, 0.88))


def _heart(x, y):
    x, y = np.abs(x), y + 0.1
    return np.minimum(0.7071068 * (x + np.abs(y)) - 0.57, _disc(x - 0.403, y + 0.403, 0.57))


def _hourglass(x, y):
    return np.maximum(np.abs(y) - 0.9, 0.8 * np.abs(x) - 0.6 * np.abs(y) - 0.08)


def _arrow(x, y):
    x = np.abs(x)
    head = np.maximum(y - 0.05, 0.79 * x - 0.61 * y - 0.66)
    return np.minimum(head, np.maximum(x - 0.28, np.maximum(y - 0.95, -y)))


# By the class's name.
SHAPES: dict[str, Callable] = {
    "disc": _disc,
    "ring": _ring,
    "triangle": _triangle,
    "square": _square,
    "star": _star,
    "cross": _cross,
    "crescent": _crescent,
    "heart": _heart,
    "hourglass": _hourglass,
    "arrow": _arrow,
}
