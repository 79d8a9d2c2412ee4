"""Send the grader descriptors over the socket until it can open no more files."""

from .tools import CHANNEL

KIND = "act"
OUTCOME = "refused"
OPEN = "the grader's reads take no descriptors"


def attack(target):
    import os
    import socket

    channel = socket.socket(fileno=os.dup(CHANNEL))
    for _ in range(40):
        socket.send_fds(channel, [b" "], [0, 1, 2])
    return True
