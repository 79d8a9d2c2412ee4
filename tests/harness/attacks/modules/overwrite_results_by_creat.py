"""Empty the results file by the old system call creat."""

from .tools import syscall

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    try:
        syscall("creat", target["results"].encode(), 0o644)
    except OSError as error:
        if error.errno != 38:
            raise
        open(target["results"], "w").close()
