"""Load a program into the kernel."""

from .tools import syscall

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"
NEEDS = {"open": "root"}


def attack(target):
    import ctypes

    attributes = (ctypes.c_uint32 * 32)(2, 4, 8, 1)  # an array of one element
    return syscall("bpf", 0, attributes, 128) > 0
