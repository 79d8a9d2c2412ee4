"""Send a datagram, as a question to a name server would be."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import socket

    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.sendto(b"secret.example.org", ("127.0.0.1", target["udp"]))
