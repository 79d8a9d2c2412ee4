"""Leave by os._exit with status zero while a function is judged."""

import os

KIND = "grade"
OUTCOME = "crashed"
OPEN = "no answer is no pass, whatever the exit status"


def area(width, height):
    os._exit(0)


def moments(x):
    os._exit(0)


def squares(sides):
    return area(sides, sides)
