"""Make a second name, in a folder everyone may write, for the expected values."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    os.link(target["secret"], target["scratch"] + "/link")
