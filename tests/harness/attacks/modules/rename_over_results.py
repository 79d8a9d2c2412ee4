"""Put another file in the place of the results file."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    os.rename(target["results"], target["results"] + ".old")
