"""Watch the machine's processors by perf_event_open."""

from .tools import syscall

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import ctypes

    attributes = (ctypes.c_uint32 * 32)(1, 128)  # a software event: the processor's clock
    return syscall("perf_event_open", attributes, 0, -1, -1, 0) > 0
