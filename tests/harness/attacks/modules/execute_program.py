"""Become another program, which knows nothing of limits set in Python."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.2


def attack(target):
    import os

    os.execv("/bin/sh", ["sh", "-c", f"echo x > {target['scratch']}/made"])
