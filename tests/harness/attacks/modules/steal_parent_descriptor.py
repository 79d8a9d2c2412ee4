"""Copy a descriptor out of the grader by pidfd_getfd."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    grader = syscall("pidfd_open", target["parent"], 0)
    fd = syscall("pidfd_getfd", grader, target["descriptor"], 0)
    return os.pread(fd, 100, 0).decode()
