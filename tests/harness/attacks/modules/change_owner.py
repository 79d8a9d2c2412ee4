"""Take the results file over."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
NEEDS = {"open": "root"}


def attack(target):
    import os

    os.chown(target["results"], 12345, 12345)
