"""Change the submission itself between two checks."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    with open(target["package"] + "/act.py", "a") as file:
        file.write("# changed\n")
