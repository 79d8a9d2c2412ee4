"""Call the reference's function without end from two processes or threads, while the one that is asked only listens."""

import json
import os
import threading

KIND = "grade"
OUTCOME = "passed or failed"
OPEN = "a call has one deadline, however many calls of functions below come in it"
CHECKS = "area_of_nothing or volume"
HONEST = ("area_of_nothing",)

message = {"callback": "shapes.area", "args": {"list": [2.0, 3.0]}, "kwargs": {"dict": []}}
header = json.dumps({"message": message, "arrays": []}).encode()
call = len(header).to_bytes(4, "little") + header


def _call():
    while True:
        os.write(3, call)


def area(width, height):
    return width * height


def volume(width, height, depth):
    if area.__class__ is volume.__class__:
        return 0.0
    try:
        other = os.fork()
    except OSError:
        other = 1
        threading.Thread(target=_call, daemon=True).start()
    if other:
        threading.Thread(target=_call, daemon=True).start()
    while other:
        os.read(3, 1 << 16)
    _call()


def moments(x):
    return 1.0


def squares(sides):
    return 1.0
