"""Make a folder where everyone may write."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    os.mkdir(target["scratch"] + "/folder")
