"""Answer with a generator, which has no end."""

import itertools

KIND = "grade"
OUTCOME = "failed"
OPEN = "what is no array stays in its worker, and counts as no answer"


def area(width, height):
    return (number for number in itertools.count())


def moments(x):
    return (number for number in itertools.count()), (number for number in itertools.count())


def squares(sides):
    return area(sides, sides)
