"""Sleep until another process has used some CPU time, which says when it works."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import ctypes

    from .tools import syscall

    moment = (ctypes.c_long * 2)(0, 1)
    syscall("clock_nanosleep", (~target["sibling"] << 3) | 2, 1, moment, 0)
    return "it has worked"
