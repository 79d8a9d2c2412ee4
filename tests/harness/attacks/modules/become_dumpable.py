"""Make this process's memory open to others of the same user again."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    from .tools import call

    call("prctl", 4, 1, 0, 0, 0)
    return call("prctl", 3, 0, 0, 0, 0) == 1
