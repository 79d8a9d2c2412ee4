"""Fork by the bare system call clone."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os
    import time

    if syscall("clone", 17, 0, 0, 0, 0) == 0:
        os.setsid()
        time.sleep(1.5)
        os._exit(0)
