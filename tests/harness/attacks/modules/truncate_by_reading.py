"""Open the results file for reading only, and empty it by the flag O_TRUNC."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    os.open(target["results"], os.O_RDONLY | os.O_TRUNC)
