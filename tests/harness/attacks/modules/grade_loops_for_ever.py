"""Compute without end where an answer is due."""

KIND = "grade"
OUTCOME = "timeout"
OPEN = "the grader ends a worker at the deadline, whatever it is doing"
CHECKS = "area_of_nothing"


def area(width, height):
    while True:
        pass


def moments(x):
    while True:
        pass


def squares(sides):
    return area(sides, sides)
