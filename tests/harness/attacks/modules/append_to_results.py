"""Add a line to the results file by os.open."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    os.write(os.open(target["results"], os.O_WRONLY | os.O_APPEND), b'{"score": 100}')
