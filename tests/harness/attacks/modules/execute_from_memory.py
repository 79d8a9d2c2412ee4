"""Execute a program that lies in no file."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.2


def attack(target):
    import os

    fd = syscall("memfd_create", b"x", 0)
    with open("/bin/sh", "rb") as file:
        os.write(fd, file.read())
    os.execve(f"/proc/self/fd/{fd}", ["sh", "-c", f"echo x > {target['scratch']}/made"], {})
