"""Ask whether a signal could be sent to every process on the machine; none is sent."""

from .tools import syscall

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    return syscall("kill", -1, 0) == 0
