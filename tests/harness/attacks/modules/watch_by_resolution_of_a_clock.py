"""Ask whether a process is there, by the resolution of its CPU clock."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import time

    return f"{time.clock_getres((~target['parent'] << 3) | 2)} s"
