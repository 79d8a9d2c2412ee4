"""Read the environment this process was given."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    return " ".join(os.environ)
