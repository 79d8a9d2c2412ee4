"""Look for descriptors that were left open: the zygote's control socket, others' sockets, log files."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os
    import stat

    found = []
    for fd in range(4, 256):
        try:
            mode = os.fstat(fd).st_mode
        except OSError:
            continue
        if not stat.S_ISDIR(mode):
            found.append(fd)
    return str(found) if found else ""
