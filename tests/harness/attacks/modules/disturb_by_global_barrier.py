"""Have the kernel wait for, or interrupt, every running thread of the machine."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    from .tools import syscall

    syscall("membarrier", 1, 0, 0)
    return "waited for all"
