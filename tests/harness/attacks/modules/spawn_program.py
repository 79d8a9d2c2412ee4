"""Start a program by posix_spawn."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.2


def attack(target):
    import os

    words = ["sh", "-c", f"echo x > {target['scratch']}/spawned"]
    os.waitpid(os.posix_spawn("/bin/sh", words, {}), 0)
