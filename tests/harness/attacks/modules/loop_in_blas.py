"""Multiply matrices without end, never returning to the interpreter for long."""

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader ends a worker at the deadline, whatever it is doing"


def attack(target):
    import numpy as np

    a = np.ones((1500, 1500))
    while True:
        a @ a
