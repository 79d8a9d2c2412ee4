"""End the worker beside this one, which may be the reference's."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.1


def attack(target):
    import os

    os.kill(target["sibling"], 9)
