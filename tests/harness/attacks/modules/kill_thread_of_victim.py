"""End another process by tgkill."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
AFTER = 0.1


def attack(target):
    syscall("tgkill", target["victim"], target["victim"], 9)
