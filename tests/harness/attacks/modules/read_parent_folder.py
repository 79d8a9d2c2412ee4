"""List the folder the grader stands in, through /proc."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    return " ".join(os.listdir(f"/proc/{target['parent']}/cwd"))
