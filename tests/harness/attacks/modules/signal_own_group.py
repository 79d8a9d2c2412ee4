"""Send a signal, one that harms nobody, to every process of the grader's group."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.3


def attack(target):
    import os
    import signal

    os.kill(0, signal.SIGURG)
