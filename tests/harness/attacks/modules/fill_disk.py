"""Write 20 MB into each of several files; a real flood would not stop there."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    for number in range(2):
        with open(f"{target['scratch']}/{number}", "wb") as file:
            file.write(bytes(10_000_000))
