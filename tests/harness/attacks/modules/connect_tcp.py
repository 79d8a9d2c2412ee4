"""Call a server on this machine."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import socket

    socket.create_connection(("127.0.0.1", target["tcp"]), 1)
