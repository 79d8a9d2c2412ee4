"""End another process, such as the grader."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.1


def attack(target):
    import os

    os.kill(target["victim"], 9)
