"""Bind another process to one processor."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
NEEDS = {"open": "processors"}


def attack(target):
    import os

    os.sched_setaffinity(target["victim"], {min(os.sched_getaffinity(0))})
