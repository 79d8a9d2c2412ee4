"""Take and touch 700 MB where 512 are allowed."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import numpy as np

    blocks = [np.ones(12_500_000) for _ in range(7)]
    return f"{len(blocks)} blocks"
