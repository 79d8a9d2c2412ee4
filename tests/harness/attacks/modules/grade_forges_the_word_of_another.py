"""Answer with the call of a function the grader might carry out for the reference, and with many frames for one."""

import json
import os

KIND = "grade"
OUTCOME = "failed"
OPEN = "only the reference's own worker may ask for something"
CHECKS = "area_of_nothing or area_of_squares"


def _send(message):
    header = json.dumps({"message": message, "arrays": []}).encode()
    os.write(3, len(header).to_bytes(4, "little") + header)


def area(width, height):
    for _ in range(5):
        _send({"callback": "shapes.area", "args": {"list": []}, "kwargs": {"dict": []}})
    return 1.0


def moments(x):
    return area(x, x)


def squares(sides):
    return area(sides, sides)
