"""Print without end."""

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader ends a worker at the deadline, whatever it is doing"


def attack(target):
    import os

    while True:
        os.write(1, b"x" * 65536)
