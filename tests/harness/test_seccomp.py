"""The system call filter, run in a small model of the kernel's filter machine, for both architectures."""

import errno
import os

import pytest

from grader.sandbox.child import seccomp
from grader.sandbox.child.seccomp import ALLOW, CHECKED, FORBIDDEN, KILL, MISSING, PLAIN

PID = 4321
THREAD_FLAGS = 0x3D0F00  # what pthread_create asks for


def answer(machine: str, call: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter returns for a call, computed as linux/Documentation/networking/filter.rst defines its steps."""
    _, native = seccomp.ARCHITECTURES[machine]
    words = {0: call, 4: native if audit is None else audit}
    for number, argument in enumerate([*arguments, *[0] * (6 - len(arguments))]):
        words[16 + 8 * number] = argument & 0xFFFFFFFF
        words[20 + 8 * number] = (argument >> 32) & 0xFFFFFFFF
    code, place, accumulator = seccomp.assemble_filter(machine), 0, 0
    while True:
        op, if_true, if_false, operand = code[place]
        operand = PID if operand == seccomp.SELF else operand
        place += 1
        if op == seccomp.RETURN:
            return operand
        if op == seccomp.LOAD:
            accumulator = words[operand]
        elif op == seccomp.AND:
            accumulator &= operand
        elif op == seccomp.JUMP_EQUAL:
            place += if_true if accumulator == operand else if_false
        else:
            assert op == seccomp.JUMP_AT_LEAST
            place += if_true if accumulator >= operand else if_false


def number(machine: str, name: str) -> int | None:
    """A call's number; None where the architecture does without it."""
    column = seccomp.ARCHITECTURES[machine][0]
    return (PLAIN.get(name) or seccomp.ABSENT.get(name) or CHECKED[name][0])[column]


OF_ONE = ("getpgid", "getsid", "sched_getaffinity", "sched_getscheduler", "sched_getparam")
ARGUMENTS = [
    ("openat", (0, 0, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), ALLOW),
    ("openat", (0, 0, os.O_WRONLY), FORBIDDEN),
    ("openat", (0, 0, os.O_RDWR), FORBIDDEN),
    ("openat", (0, 0, os.O_RDONLY | os.O_CREAT), FORBIDDEN),
    ("openat", (0, 0, os.O_RDONLY | os.O_TRUNC), FORBIDDEN),
    ("openat", (0, 0, 0o20000000), FORBIDDEN),
    ("open", (0, os.O_RDONLY), ALLOW),
    ("open", (0, os.O_WRONLY | os.O_APPEND), FORBIDDEN),
    ("clone", (THREAD_FLAGS,), ALLOW),
    ("clone", (17,), FORBIDDEN),
    ("clone", (0x4100 | 17,), FORBIDDEN),  # vfork
    ("clone", (THREAD_FLAGS | 0x40000000,), FORBIDDEN),  # in a network namespace of its own
    ("clone3", (0, 88), MISSING),
    ("openat2", (0, 0, 0, 24), MISSING),
    ("kill", (PID, 9), ALLOW),
    ("kill", (PID + 1, 9), FORBIDDEN),
    ("kill", (0, 9), FORBIDDEN),
    ("kill", (2**64 - 1, 9), FORBIDDEN),
    ("tgkill", (PID, 7, 6), ALLOW),
    ("tgkill", (1, 1, 9), FORBIDDEN),
    ("fcntl", (3, 1), ALLOW),
    ("fcntl", (3, 1030, 4), ALLOW),
    ("fcntl", (3, 8, 1), FORBIDDEN),  # F_SETOWN
    ("fcntl", (3, 10, 9), FORBIDDEN),  # F_SETSIG
    ("fcntl", (3, 15, 0), FORBIDDEN),  # F_SETOWN_EX
    ("fcntl", (3, 1031, 2**20), FORBIDDEN),  # F_SETPIPE_SZ
    ("ioctl", (1, 0x5401), ALLOW),
    ("ioctl", (0, 0x5412), FORBIDDEN),  # TIOCSTI
    ("ioctl", (3, 0x8901), FORBIDDEN),  # FIOSETOWN
    ("prctl", (15,), ALLOW),
    ("prctl", (4, 1), FORBIDDEN),  # PR_SET_DUMPABLE
    ("prctl", (1, 0), FORBIDDEN),  # PR_SET_PDEATHSIG
    ("prlimit64", (0, 7, 0, 1), ALLOW),
    ("prlimit64", (PID, 7, 0, 1), ALLOW),
    ("prlimit64", (PID + 1, 7, 0, 1), FORBIDDEN),
    ("clock_gettime", (0,), ALLOW),
    ("clock_gettime", (3,), ALLOW),  # CLOCK_THREAD_CPUTIME_ID
    ("clock_gettime", (11,), ALLOW),  # CLOCK_TAI
    ("clock_gettime", ((~(PID + 1) << 3 | 2) & 0xFFFFFFFF,), FORBIDDEN),  # another process's CPU clock
    ("clock_gettime", ((~(PID + 1) << 3 | 6) & (2**64 - 1),), FORBIDDEN),  # another thread's, sign-extended
    ("clock_gettime", (12,), FORBIDDEN),
    ("clock_getres", (1,), ALLOW),
    ("clock_getres", ((~(PID + 1) << 3 | 2) & 0xFFFFFFFF,), FORBIDDEN),
    ("clock_nanosleep", (1, 0), ALLOW),
    ("clock_nanosleep", ((~(PID + 1) << 3 | 2) & 0xFFFFFFFF, 1), FORBIDDEN),
    *[(name, (whose,), ALLOW) for name in OF_ONE for whose in (0, PID)],
    *[(name, (whose,), FORBIDDEN) for name in OF_ONE for whose in (1, PID + 1, 2**32 - 1)],
    ("getpriority", (0, 0), ALLOW),
    ("getpriority", (0, PID), ALLOW),
    ("getpriority", (0, PID + 1), FORBIDDEN),
    ("getpriority", (1, PID), FORBIDDEN),  # PRIO_PGRP
    ("getpriority", (2, 0), FORBIDDEN),  # PRIO_USER
    ("membarrier", (0,), ALLOW),
    ("membarrier", (8,), ALLOW),
    ("membarrier", (1,), FORBIDDEN),  # MEMBARRIER_CMD_GLOBAL waits for every thread of the machine
    ("membarrier", (2,), FORBIDDEN),
    ("prlimit64", (0, 7, 0x7FFF0000), FORBIDDEN),
    ("prlimit64", (0, 7, 1 << 40), FORBIDDEN),
    ("sendto", (3, 0, 8, 0, 0, 0), ALLOW),
    ("sendto", (3, 0, 8, 0, 1 << 33, 110), FORBIDDEN),
    ("sendto", (3, 0, 1, 1, 0, 0), FORBIDDEN),  # MSG_OOB
    ("recvfrom", (3, 0, 8, 0, 0, 0), ALLOW),
    ("recvfrom", (3, 0, 8, 1, 0, 0), FORBIDDEN),  # MSG_OOB
]


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
@pytest.mark.parametrize("name, arguments, expected", ARGUMENTS)
def test_arguments_decide(machine, name, arguments, expected):
    call = number(machine, name)
    if call is None:
        assert name == "open" and machine == "aarch64"
    else:
        assert answer(machine, call, *arguments) == expected


@pytest.mark.parametrize("machine", seccomp.ARCHITECTURES)
def test_only_listed_calls_are_allowed(machine):
    column = seccomp.ARCHITECTURES[machine][0]
    listed = {numbers[column] for numbers in PLAIN.values()} - {None}
    allowed = {call for call in range(600) if answer(machine, call, PID + 1, 0x241, 2**33 + 2, 1, 1) == ALLOW}
    assert allowed == listed
    assert not listed & {numbers[column] for numbers, _ in CHECKED.values()}


FORBIDDEN_ON_X86 = {
    "socket": 41, "connect": 42, "sendmsg": 46, "recvmsg": 47, "bind": 49, "socketpair": 53, "fork": 57, "vfork": 58,
    "execve": 59, "wait4": 61, "shmget": 29, "semget": 64, "msgget": 68, "truncate": 76, "ftruncate": 77, "chdir": 80,
    "rename": 82, "mkdir": 83, "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "chmod": 90, "chown": 92,
    "ptrace": 101, "setuid": 105, "setpgid": 109, "setsid": 112, "mknod": 133, "setpriority": 141, "chroot": 161,
    "mount": 165, "tkill": 200, "io_setup": 206, "timer_create": 222, "rt_sigqueueinfo": 129, "mq_open": 240,
    "keyctl": 250, "unshare": 272, "splice": 275, "rt_tgsigqueueinfo": 297, "perf_event_open": 298,
    "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311,
    "kcmp": 312, "seccomp": 317, "memfd_create": 319, "bpf": 321, "execveat": 322, "userfaultfd": 323,
    "pidfd_send_signal": 424, "io_uring_setup": 425, "pidfd_open": 434, "pidfd_getfd": 438, "process_madvise": 440,
    "memfd_secret": 447, "sched_setaffinity": 203, "setrlimit": 160, "sched_setscheduler": 144, "mincore": 27,
}  # fmt: skip


@pytest.mark.parametrize("name", FORBIDDEN_ON_X86)
def test_known_ways_out_are_closed(name):
    assert answer("x86_64", FORBIDDEN_ON_X86[name], PID, 0, 0) == FORBIDDEN


def test_other_numberings_are_closed():
    assert answer("x86_64", 0, audit=0x40000003) == KILL  # the 32-bit calls of i386
    assert answer("x86_64", 0x40000000) == FORBIDDEN  # x32
    assert (FORBIDDEN & 0xFFFF, MISSING & 0xFFFF) == (errno.EPERM, errno.ENOSYS)


def test_jumps_stay_inside():
    for machine in seccomp.ARCHITECTURES:
        code = seccomp.assemble_filter(machine)
        assert len(code) < 4096 and code[-1][0] == seccomp.RETURN
        for place, (_, if_true, if_false, _) in enumerate(code):
            assert 0 <= if_true < 256 and 0 <= if_false < 256 and place + 1 + max(if_true, if_false) < len(code) + 1


def test_a_machine_without_a_table_does_without_the_filter(monkeypatch):
    """Workers then start all the same, and the layer is found missing by trying."""
    assert seccomp.is_available()
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert not seccomp.is_available()
