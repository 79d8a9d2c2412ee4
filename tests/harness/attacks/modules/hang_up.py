"""Close the socket to the grader and go on computing."""

from .tools import CHANNEL

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader ends a worker whose socket is closed"


def attack(target):
    import os

    os.close(CHANNEL)
    while True:
        pass
