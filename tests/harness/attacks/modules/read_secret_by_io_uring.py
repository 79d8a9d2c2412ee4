"""Set up an io_uring, which opens and reads files without a system call for either."""

from .tools import syscall

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import ctypes

    return syscall("io_uring_setup", 4, ctypes.create_string_buffer(256)) > 0
