"""Ask for the limits of the worker beside this one."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import resource

    return f"{resource.prlimit(target['sibling'], resource.RLIMIT_CPU)}"
