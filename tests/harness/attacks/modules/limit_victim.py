"""Set another process a limit of open files."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import resource

    resource.prlimit(target["victim"], resource.RLIMIT_NOFILE, (20, 20))
