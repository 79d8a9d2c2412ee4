"""Answer with numbers that are not a number, or without bound."""

KIND = "grade"
OUTCOME = "failed"
OPEN = "finiteness is judged before values"


def area(width, height):
    return float("nan")


def moments(x):
    return float("nan"), float("nan")


def squares(sides):
    return area(sides, sides)
