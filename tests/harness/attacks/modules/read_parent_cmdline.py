"""Read the grader's command line, in search of paths and seeds."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"
LEAKS = {
    "root, no landlock": "command lines are public; secrets never stand there",
    "user, no landlock": "command lines are public; secrets never stand there",
}


def attack(target):
    with open(f"/proc/{target['parent']}/cmdline") as file:
        return file.read()
