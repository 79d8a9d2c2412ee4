"""Raise pytest's own exceptions for a skipped and a passed test."""

KIND = "grade"
OUTCOME = "failed"
OPEN = "exceptions come over as a name and a sentence, never as objects"


class Skipped(BaseException):
    """Looks like pytest's."""

    __module__ = "_pytest.outcomes"


def area(width, height):
    raise Skipped("no reason")


def moments(x):
    raise Skipped("no reason")


def squares(sides):
    raise Skipped("no reason")
