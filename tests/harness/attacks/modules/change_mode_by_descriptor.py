"""Let everyone write to the results file, through a descriptor opened for reading."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    os.fchmod(os.open(target["results"], os.O_RDONLY), 0o666)
