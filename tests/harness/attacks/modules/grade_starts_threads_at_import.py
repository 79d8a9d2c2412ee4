"""Leave threads running that print, allocate and compute while others are judged."""

import threading

KIND = "grade"
OUTCOME = "failed"
OPEN = "threads end with their worker"
CHECKS = "area_of_nothing"


def _work():
    while True:
        sum(range(1000))


for _ in range(4):
    threading.Thread(target=_work, daemon=True).start()


def area(width, height):
    return 1.0


def moments(x):
    return 1.0, 1.0


def squares(sides):
    return area(sides, sides)
