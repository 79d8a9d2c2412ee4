"""Hold four hundred descriptors."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    return len([os.dup(1) for _ in range(400)])
