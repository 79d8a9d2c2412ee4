"""Abort the process while it is judged."""

import os

KIND = "grade"
OUTCOME = "crashed"
OPEN = "a worker that dies has given no answer"


def area(width, height):
    os.abort()


def moments(x):
    os.abort()


def squares(sides):
    os.abort()
