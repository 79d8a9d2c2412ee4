"""End the process all workers come from."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.1


def attack(target):
    import os

    os.kill(target["zygote"], 9)
