"""Sleep through the deadline with every signal ignored."""

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader ends a worker at the deadline, whatever it is doing"


def attack(target):
    import contextlib
    import signal
    import time

    for number in set(signal.Signals):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    time.sleep(600)
