"""Make a pair of sockets to talk to a child through."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import socket

    return socket.socketpair()[0].fileno()
