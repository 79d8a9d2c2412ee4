"""Answer with an integer of five thousand digits, which no float can hold."""

KIND = "grade"
OUTCOME = "failed"
OPEN = "an answer that cannot be used is the answer's fault"


def area(width, height):
    return 10**4000


def moments(x):
    return 10**4000, 10**4000


def squares(sides):
    return area(sides, sides)
