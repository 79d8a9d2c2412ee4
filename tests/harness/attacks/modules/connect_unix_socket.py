"""Call a server through a socket in a folder, such as Docker's."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import socket

    socket.socket(socket.AF_UNIX).connect(target["unix"])
