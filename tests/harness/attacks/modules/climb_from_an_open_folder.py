"""Climb from a folder that was left open to those above it, which other users cannot enter."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "folders are only left open for workers of another user id"
LEAKS = {"root, no landlock": "what lies around the interpreter can be read where only user ids bound reading"}


def attack(target):
    import os

    for fd in range(4, 64):
        try:
            above = os.open("..", os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
        except OSError:
            continue
        return " ".join(os.listdir(above))[:200]
