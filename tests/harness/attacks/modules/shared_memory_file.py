"""Leave a note for the next worker in /dev/shm."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    with open(f"/dev/shm/{target['marker']}", "w") as file:
        file.write("x")
