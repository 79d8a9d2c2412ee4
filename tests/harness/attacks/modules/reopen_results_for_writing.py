"""Open the results file for reading, then the same file for writing through /proc/self/fd."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    reading = os.open(target["results"], os.O_RDONLY)
    os.write(os.open(f"/proc/self/fd/{reading}", os.O_WRONLY), b"forged")
