"""Read the expected values out of the grader's memory through /proc."""

KIND = "act"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    with open(f"/proc/{target['parent']}/mem", "rb", 0) as file:
        file.seek(target["address"])
        return file.read(100).decode(errors="replace")
