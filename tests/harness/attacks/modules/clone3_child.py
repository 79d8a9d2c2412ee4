"""Fork by clone3, whose flags a filter of system calls cannot look at."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import ctypes
    import os
    import time

    arguments = (ctypes.c_uint64 * 8)(0, 0, 0, 0, 17)
    if syscall("clone3", arguments, 64) == 0:
        os.setsid()
        time.sleep(1.5)
        os._exit(0)
