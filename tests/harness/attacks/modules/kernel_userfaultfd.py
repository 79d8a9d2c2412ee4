"""Take over page faults, which makes races in the kernel easy to win."""

from .tools import syscall

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    return syscall("userfaultfd", 1) > 0
