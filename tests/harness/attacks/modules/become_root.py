"""Take back the rights the worker has given up."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"
NEEDS = {"everywhere": "root"}


def attack(target):
    import os

    os.setresuid(0, 0, 0)
    return os.geteuid() == 0
