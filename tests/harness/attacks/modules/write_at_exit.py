"""Rewrite the results file when the interpreter ends."""

KIND = "act"
OUTCOME = "refused"
OPEN = "a worker does not end by itself, and runs no exit functions"
AFTER = 0.2


def attack(target):
    import atexit

    def rewrite():
        with open(target["results"], "w") as file:
            file.write('{"score": 100}')

    atexit.register(rewrite)
