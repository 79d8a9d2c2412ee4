"""Call a server through a socket that has a name and no file."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import socket

    socket.socket(socket.AF_UNIX).connect("\0" + target["marker"])
