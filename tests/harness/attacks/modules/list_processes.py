"""List the machine's processes."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"
LEAKS = {
    "root, no landlock": "which processes run is no secret",
    "user, no landlock": "which processes run is no secret",
}


def attack(target):
    import os

    return str(target["parent"]) in os.listdir("/proc")
