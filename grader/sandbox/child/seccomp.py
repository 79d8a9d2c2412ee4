"""The system calls a worker may make, as data, and the kernel filter made of them (seccomp BPF, x86_64 and aarch64).

What is not listed fails with EPERM, as if the worker had no right to it; a call by another architecture's numbers ends
the process. Arguments that are pointers cannot be looked at, so calls that hide flags behind one fail with ENOSYS.
"""

import ctypes
import errno
import platform
from collections.abc import Iterator
from dataclasses import dataclass

# name: number on x86_64, on aarch64; None where the architecture does without it
PLAIN = {
    "read": (0, 63), "pread64": (17, 67), "readv": (19, 65), "lseek": (8, 62),
    "write": (1, 64), "pwrite64": (18, 68), "writev": (20, 66), "close": (3, 57),
    "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    "stat": (4, None), "lstat": (6, None), "fstat": (5, 80), "newfstatat": (262, 79), "statx": (332, 291),
    "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "readlink": (89, None), "readlinkat": (267, 78), "getdents64": (217, 61), "getcwd": (79, 17),
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72),
    "mmap": (9, 222), "munmap": (11, 215), "mremap": (25, 216), "mprotect": (10, 226), "madvise": (28, 233),
    "brk": (12, 214), "rseq": (334, 293), "getrandom": (318, 278),
    "futex": (202, 98), "set_robust_list": (273, 99), "sched_yield": (24, 124),
    "sched_get_priority_max": (146, 125), "sched_get_priority_min": (147, 126), "getcpu": (309, 168),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169), "time": (201, None), "times": (100, 153), "getrusage": (98, 165),
    "getrlimit": (97, 163), "uname": (63, 160), "sysinfo": (99, 179),
    "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getpgrp": (111, None),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177),
    "getresuid": (118, 148), "getresgid": (120, 150), "getgroups": (115, 158),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136),
    "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133), "sigaltstack": (131, 132),
    "restart_syscall": (219, 128), "exit": (60, 93), "exit_group": (231, 94),
}  # fmt: skip
ABSENT = {"clone3": (435, 435), "openat2": (437, 437)}

SELF = -1  # stands for the worker's own process id, which is put in once it is known
OWN = (0, SELF)  # the caller itself, by either of its names; a call that takes another's would watch it
CLOCKS = tuple(range(12))  # those that are everybody's, and the caller's own; other processes' have negative numbers
BARRIERS = (0, 8, 16, 32, 64)  # ask, and those for the threads of this process only
THREAD, NAMESPACES = 0x00010000, 0x7E020080
WRITING = 0o3 | 0o100 | 0o1000 | 0o20000000  # the access mode, O_CREAT, O_TRUNC, O_TMPFILE
LOW, HIGH = 0, 1


@dataclass(frozen=True)
class Rule:
    """A call allowed only where an argument's low or high 32 bits, under a mask, are one of some values."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    half: int = LOW


CHECKED = {
    "clone": ((56, 220), [Rule(0, (THREAD,), THREAD | NAMESPACES)]),  # a thread of this process, in its namespaces
    "open": ((2, None), [Rule(1, (0,), WRITING)]),
    "openat": ((257, 56), [Rule(2, (0,), WRITING)]),
    # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC; not F_SETOWN, which has signals sent to others
    "fcntl": ((72, 25), [Rule(1, (0, 1, 2, 3, 4, 1030))]),
    "ioctl": ((16, 29), [Rule(1, (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451))]),  # ask a terminal; inheritance
    "prctl": ((157, 167), [Rule(0, (15, 16, 3, 0x53564D41))]),  # names of threads and mappings; whether dumpable
    "prlimit64": ((302, 261), [Rule(0, OWN), Rule(2, (0,)), Rule(2, (0,), half=HIGH)]),  # ask, not set
    "clock_gettime": ((228, 113), [Rule(0, CLOCKS)]),
    "clock_getres": ((229, 114), [Rule(0, CLOCKS)]),
    "clock_nanosleep": ((230, 115), [Rule(0, CLOCKS)]),
    "getpgid": ((121, 155), [Rule(0, OWN)]),
    "getsid": ((124, 156), [Rule(0, OWN)]),
    "getpriority": ((140, 141), [Rule(0, (0,)), Rule(1, OWN)]),  # of a process, not of a group or user
    "sched_getaffinity": ((204, 123), [Rule(0, OWN)]),
    "sched_getscheduler": ((145, 120), [Rule(0, OWN)]),
    "sched_getparam": ((143, 121), [Rule(0, OWN)]),
    "membarrier": ((324, 283), [Rule(0, BARRIERS)]),
    # to no address but the socket's other end, and nothing out of band
    "sendto": ((44, 206), [Rule(3, (0, 0x4000)), Rule(4, (0,)), Rule(4, (0,), half=HIGH)]),
    "recvfrom": ((45, 207), [Rule(3, (0,))]),
    "kill": ((62, 129), [Rule(0, (SELF,))]),
    "tgkill": ((234, 131), [Rule(0, (SELF,))]),
}

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
LOAD, AND, JUMP_EQUAL, JUMP_AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
ALLOW, KILL = 0x7FFF0000, 0x80000000
FORBIDDEN, MISSING = 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
X32 = 0x40000000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in what the kernel shows the filter
SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}
SET_MODE_FILTER, GET_ACTION_AVAILABLE = 1, 2
SPEC_ALLOW = 4  # no slower branches in exchange for what threads here do not need

Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


class _Instruction(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32)]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]


def assemble_filter(machine: str) -> list[Instruction]:
    """Return the filter for an architecture. Raise KeyError for one it has no table for."""
    column, audit = ARCHITECTURES[machine]
    code: list[Instruction] = [(LOAD, 0, 0, ARCHITECTURE), (JUMP_EQUAL, 1, 0, audit), (RETURN, 0, 0, KILL)]
    code += [(LOAD, 0, 0, NUMBER), (JUMP_AT_LEAST, 0, 1, X32), (RETURN, 0, 0, FORBIDDEN)]
    for table, answer in ((PLAIN, ALLOW), (ABSENT, MISSING)):
        for numbers in table.values():
            number = numbers[column]
            if number is not None:
                code += [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, answer)]
    for numbers, rules in CHECKED.values():
        number = numbers[column]
        if number is not None:
            block = [step for rule in rules for step in _check(rule)] + [(RETURN, 0, 0, ALLOW)]
            code += [(JUMP_EQUAL, 0, len(block), number), *block]
    return [*code, (RETURN, 0, 0, FORBIDDEN)]


def _check(rule: Rule) -> Iterator[Instruction]:
    """Yield steps that go on behind themselves where the rule holds, and else forbid the call."""
    yield LOAD, 0, 0, ARGUMENTS + 8 * rule.argument + 4 * rule.half
    yield AND, 0, 0, rule.mask
    for left, value in zip(reversed(range(len(rule.values))), rule.values):
        yield JUMP_EQUAL, left + 1, 0, value
    yield RETURN, 0, 0, FORBIDDEN


def is_available() -> bool:
    """Return whether there is a table for this machine, and its kernel lets a process put on a filter."""
    number = SECCOMP_CALL.get(platform.machine())
    action = ctypes.c_uint32(ALLOW)
    return number is not None and ctypes.CDLL(None).syscall(number, GET_ACTION_AVAILABLE, 0, ctypes.byref(action)) == 0


class Filter:
    """The filter of this machine, ready to be put on by a worker; made once, before workers are forked."""

    def __init__(self) -> None:
        code = assemble_filter(platform.machine())
        self._own = [place for place, step in enumerate(code) if step[3] == SELF]
        self._code = (_Instruction * len(code))(*[_Instruction(op, jt, jf, k & 0xFFFFFFFF) for op, jt, jf, k in code])
        self._program = _Program(len(code), ctypes.addressof(self._code))
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._number = SECCOMP_CALL[platform.machine()]

    def put_on(self, pid: int) -> None:
        """Confine the calling thread and all it starts, for good. Raise OSError where the kernel refuses."""
        for place in self._own:
            self._code[place].k = pid
        if self._syscall(self._number, SET_MODE_FILTER, SPEC_ALLOW, ctypes.byref(self._program)):
            raise OSError(ctypes.get_errno(), "seccomp")
