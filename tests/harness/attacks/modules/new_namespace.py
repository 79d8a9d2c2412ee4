"""Enter a user namespace, in which this process would be root."""

from .tools import syscall

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    return syscall("unshare", 0x10000000) == 0
