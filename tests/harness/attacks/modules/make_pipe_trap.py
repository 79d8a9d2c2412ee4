"""Lay a pipe, by mknod, at which a reader would wait for ever."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os
    import stat

    os.mknod(target["scratch"] + "/pipe", 0o666 | stat.S_IFIFO)
