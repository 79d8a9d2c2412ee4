"""Ask the kernel about the network."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import socket

    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).fileno()
