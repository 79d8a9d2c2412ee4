"""Fork a child that leaves the session, to outlive the worker."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os
    import time

    if os.fork() == 0:
        os.setsid()
        time.sleep(1.5)
        os._exit(0)
