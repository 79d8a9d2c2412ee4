"""Name another process as owner of a pipe, and SIGKILL as the signal it gets when something comes."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.1


def attack(target):
    import fcntl
    import os

    reading, writing = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, target["victim"])
    fcntl.fcntl(reading, 10, 9)  # F_SETSIG
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writing, b"x")
