"""Walk through everything around the package and bring out what is found in any file."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"
LEAKS = {"user, no landlock": "files of the same user can only be kept away by Landlock"}


def attack(target):
    import os

    found = []
    for folder, _, names in os.walk(target["base"]):
        for name in names:
            try:
                with open(os.path.join(folder, name), errors="replace") as file:
                    found += [line for line in file if "token-" in line]
            except OSError:
                continue
    return "".join(found)[:20000]
