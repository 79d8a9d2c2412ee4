"""Fork by clone with the flag of vfork; the child runs on while its parent waits."""

from .tools import syscall

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    child = syscall("clone", 0x4000 | 17, 0, 0, 0, 0)
    if child == 0:
        os._exit(7)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
