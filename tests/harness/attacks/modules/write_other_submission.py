"""Spoil what another student has handed in."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    with open(target["other"], "w") as file:
        file.write("raise SystemExit")
