"""Stop another process for good."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.1


def attack(target):
    import os
    import signal

    os.kill(target["victim"], signal.SIGSTOP)
