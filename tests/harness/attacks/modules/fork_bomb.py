"""Fork twenty children; a real bomb would not stop there."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os
    import time

    for _ in range(20):
        if os.fork() == 0:
            os.setsid()
            time.sleep(1)
            os._exit(0)
