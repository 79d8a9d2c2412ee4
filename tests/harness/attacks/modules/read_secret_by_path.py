"""Read the expected values by their path."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
LEAKS = {"user, no landlock": "files of the same user can only be kept away by Landlock"}


def attack(target):
    with open(target["secret"]) as file:
        return file.read()
