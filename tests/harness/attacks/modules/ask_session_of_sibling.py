"""Ask for the session and group of the worker beside this one."""

import contextlib

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    found = []
    for ask in (os.getsid, os.getpgid):
        with contextlib.suppress(PermissionError):
            found.append(ask(target["sibling"]))
    return str(found) if found else ""
