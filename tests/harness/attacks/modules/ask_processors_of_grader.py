"""Ask which processors the grader may use and how it is scheduled."""

import contextlib

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    found = []
    for ask in (os.sched_getaffinity, os.sched_getscheduler, os.sched_getparam):
        with contextlib.suppress(PermissionError):
            found.append(ask(target["parent"]))
    return f"{found}" if found else ""
