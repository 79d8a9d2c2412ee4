"""Print 64 MB."""

KIND = "act"
OUTCOME = "refused"
OPEN = "the grader keeps the first 64 KB of what is printed"


def attack(target):
    import os

    for _ in range(1024):
        os.write(1, b"x" * 65536)
