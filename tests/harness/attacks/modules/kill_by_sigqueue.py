"""End another process by rt_sigqueueinfo."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.1


def attack(target):
    import ctypes

    information = (ctypes.c_int32 * 32)(9, 0, -1)
    syscall("rt_sigqueueinfo", target["victim"], 9, information)
