"""Raise what a stub raises, with the name of another function."""

KIND = "grade"
OUTCOME = "not_attempted"
OPEN = "what is not written earns nothing"
CHECKS = "area_of_nothing"


def area(width, height):
    raise NotImplementedError("shapes.moments")


def moments(x):
    raise NotImplementedError("shapes.area")


def squares(sides):
    raise NotImplementedError("shapes.area")
