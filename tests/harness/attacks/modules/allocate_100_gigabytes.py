"""Take a hundred gigabytes of addresses and touch the last page."""

KIND = "act"
PROOF = "said"
OUTCOME = "refused"
OPEN = "works"


def attack(target):
    import mmap

    size = 100 * 1024**3
    memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)  # MAP_NORESERVE
    memory[size - 1] = 1
    return memory[size - 1] == 1
