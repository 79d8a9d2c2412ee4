"""End another process through a descriptor of it."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.1


def attack(target):
    victim = syscall("pidfd_open", target["victim"], 0)
    syscall("pidfd_send_signal", victim, 9, 0, 0)
