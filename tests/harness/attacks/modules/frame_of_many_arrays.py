"""Send a thousand arrays in one frame."""

from .tools import frame, send

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader's decoder bounds the number of arrays"


def attack(target):
    send(frame({"ok": 1}, [["|b1", [1]]] * 1000, bytes(1000)))
