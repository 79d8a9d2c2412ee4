"""Make a file without a name, then give it one."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    fd = os.open(target["scratch"], os.O_WRONLY | os.O_TMPFILE, 0o600)
    os.link(f"/proc/self/fd/{fd}", target["scratch"] + "/named", src_dir_fd=fd, follow_symlinks=True)
