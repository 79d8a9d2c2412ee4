"""Raise SystemExit, KeyboardInterrupt and GeneratorExit where an answer is due."""

KIND = "grade"
OUTCOME = "failed"
OPEN = "no answer is no pass, whatever is raised"


def area(width, height):
    raise SystemExit(0)


def moments(x):
    raise KeyboardInterrupt


def squares(sides):
    raise GeneratorExit
