"""Read how much CPU time the worker beside this one has used, which may be the reference's."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import time

    return f"{time.clock_gettime((~target['sibling'] << 3) | 2)} s"
