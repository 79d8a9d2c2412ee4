"""Handle the signal of a bad access by doing nothing, so that the access is tried for ever."""

import ctypes
import signal

KIND = "grade"
OUTCOME = "timeout"
OPEN = "the grader ends a worker at the deadline, whatever it is doing"
CHECKS = "area_of_nothing"


def area(width, height):
    signal.signal(signal.SIGSEGV, lambda *_: None)
    return ctypes.string_at(0)


def moments(x):
    return area(x, x)


def squares(sides):
    return area(sides, sides)
