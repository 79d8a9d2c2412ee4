"""Stop this process, so that nothing in it could end it."""

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader ends a worker at the deadline, whatever it is doing"


def attack(target):
    import os
    import signal

    os.kill(os.getpid(), signal.SIGSTOP)
