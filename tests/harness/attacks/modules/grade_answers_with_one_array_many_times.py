"""Answer with a list that names one large array thousands of times, so that a small frame is hours of work."""

import json
import os
import time

KIND = "grade"
OUTCOME = "crashed"
OPEN = "each array of a frame is used only once"


def _answer():
    size = 8 * 1024 * 1024
    message = {"ok": {"list": [{"array": 0}] * 800}}
    header = json.dumps({"message": message, "arrays": [["|i1", [size]]]}, separators=(",", ":")).encode()
    data = memoryview(len(header).to_bytes(4, "little") + header + b"\1" * size)
    while data:
        data = data[os.write(3, data) :]
    time.sleep(60)


def area(width, height):
    _answer()


def moments(x):
    _answer()


def squares(sides):
    _answer()
