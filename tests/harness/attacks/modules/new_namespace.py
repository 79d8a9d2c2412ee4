"""Enter a user namespace, in which this process would be root."""

import errno
import os

from .tools import syscall

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"
NEW_USER = 0x10000000


def attack(target):
    try:
        return syscall("unshare", NEW_USER) == 0
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    child = os.fork()  # the kernel refuses a process of several threads, which a worker is, but not its child
    if child == 0:
        try:
            os._exit(syscall("unshare", NEW_USER))
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0
