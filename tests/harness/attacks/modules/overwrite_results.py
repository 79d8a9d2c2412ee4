"""Overwrite the results file."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    with open(target["results"], "w") as file:
        file.write('{"score": 100}')
