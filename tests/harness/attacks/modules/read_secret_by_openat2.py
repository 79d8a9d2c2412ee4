"""Read the expected values by openat2, whose flags a filter of system calls cannot look at."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import ctypes
    import os

    how = (ctypes.c_uint64 * 3)(os.O_RDONLY, 0, 0)
    fd = syscall("openat2", -100, target["secret"].encode(), how, 24)
    return os.read(fd, 100).decode()
