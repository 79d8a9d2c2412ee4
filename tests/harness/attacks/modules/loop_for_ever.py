"""Compute without end."""

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader ends a worker at the deadline, whatever it is doing"


def attack(target):
    while True:
        pass
