"""Read the grader's environment."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    with open(f"/proc/{target['parent']}/environ") as file:
        return file.read()
