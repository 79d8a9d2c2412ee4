"""Read what another student has handed in."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
LEAKS = {"user, no landlock": "files of the same user can only be kept away by Landlock"}


def attack(target):
    with open(target["other"]) as file:
        return file.read()
