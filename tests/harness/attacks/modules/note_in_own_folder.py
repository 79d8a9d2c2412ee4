"""Leave a note for the next worker in the folder all workers start in."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    with open("note", "w") as file:
        file.write("x")
