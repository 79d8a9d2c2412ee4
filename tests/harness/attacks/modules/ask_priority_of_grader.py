"""Ask for the priority of the grader, and that of all of a user's processes."""

import contextlib

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    found = []
    for which, who in ((os.PRIO_PROCESS, target["parent"]), (os.PRIO_USER, 0)):
        with contextlib.suppress(PermissionError):
            found.append(os.getpriority(which, who))
    return f"{found}" if found else ""
