"""Reach this or that unwritten function, by what the hidden inputs were."""

KIND = "grade"
OUTCOME = "blocked"
OPEN = "a hidden check says that something it needs is not written, not what"
CHECKS = "area_of_nothing"
WORDS = ("shapes.moments",)


def area(width, height):
    return moments(width) if width == 4.0 else squares(width)


def moments(x):
    raise NotImplementedError


def squares(sides):
    return area(sides, sides)
