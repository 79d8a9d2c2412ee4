"""Start six hundred threads."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"
# the kernel counts threads by user: only a user id of its own can have a limit; elsewhere memory bounds them
NEEDS = {"user": "root", "user, no landlock": "root"}


def attack(target):
    import threading
    import time

    threading.stack_size(32 * 1024)
    for _ in range(600):
        threading.Thread(target=time.sleep, args=[1], daemon=True).start()
    return "600 threads"
