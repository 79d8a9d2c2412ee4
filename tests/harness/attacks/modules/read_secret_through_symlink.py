"""Read the expected values through the grader's own root folder in /proc."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    with open(f"/proc/{target['parent']}/root{target['secret']}") as file:
        return file.read()
