"""Attach to another process as its debugger and read its memory."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"

SEIZE, INTERRUPT, PEEK, DETACH = 0x4206, 0x4207, 2, 17


def attack(target):
    import ctypes
    import os

    pid, words = target["victim"], []
    syscall("ptrace", SEIZE, pid, 0, 0)
    syscall("ptrace", INTERRUPT, pid, 0, 0)
    os.waitpid(pid, 0)
    for place in range(target["victim_address"], target["victim_address"] + 40, 8):
        word = ctypes.c_long()
        syscall("ptrace", PEEK, pid, place, ctypes.byref(word))
        words.append(word.value.to_bytes(8, "little", signed=True))
    syscall("ptrace", DETACH, pid, 0, 0)
    return b"".join(words).decode(errors="replace")
