"""Cut the results file short by its path."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    os.truncate(target["results"], 1)
