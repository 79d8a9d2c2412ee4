"""Hide a note in an extended attribute of the results file."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import os

    os.setxattr(target["results"], "user.note", b"x")
