"""Take priority from another process."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    os.setpriority(os.PRIO_PROCESS, target["victim"], 10)
