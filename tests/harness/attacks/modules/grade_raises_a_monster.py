"""Raise an exception whose name, words and frames are enormous or themselves raise."""

KIND = "grade"
OUTCOME = "crashed or failed"
OPEN = "reports are cut short, and a report that cannot be made is one too"

Long = type("E" * 100000, (Exception,), {})


class Mute(Exception):
    """Has no words."""

    def __str__(self):
        raise SystemExit("no words")

    __repr__ = __str__


def area(width, height):
    raise Long("\ud800" + "x" * 10**7)


def moments(x):
    raise Mute from Long("x")


def squares(sides):
    return area(sides, sides)
