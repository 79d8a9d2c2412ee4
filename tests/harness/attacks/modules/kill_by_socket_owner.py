"""Name the worker beside this one as owner of the socket, so that the grader's next request ends it."""

from .tools import CHANNEL, frame, send

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.2


def attack(target):
    import ctypes
    import fcntl
    import os
    import time

    owner = bytes((ctypes.c_int * 2)(1, target["sibling"]))
    fcntl.fcntl(CHANNEL, 15, owner)  # F_SETOWN_EX
    fcntl.fcntl(CHANNEL, 10, 9)
    fcntl.fcntl(CHANNEL, fcntl.F_SETFL, fcntl.fcntl(CHANNEL, fcntl.F_GETFL) | os.O_ASYNC)
    send(frame({"ok": 1}))  # the next request is to come while nobody waits for it, or no signal is sent
    time.sleep(0.2)
