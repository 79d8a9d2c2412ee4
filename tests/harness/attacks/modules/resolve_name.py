"""Carry a word out in the name asked of the system's resolver."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import socket

    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 53))
    except PermissionError:
        return socket.getaddrinfo("1.2.3.4", 80, type=socket.SOCK_STREAM) and ""
    return "a name server can be reached"
