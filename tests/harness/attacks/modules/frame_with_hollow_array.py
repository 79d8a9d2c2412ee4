"""Announce an array of no bytes but with sides whose product is beyond all bounds."""

from .tools import frame, send

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader checks every length before it allocates"


def attack(target):
    send(frame({"ok": {"array": 0}}, [["<f8", [0, 1 << 27, 1 << 27, 1 << 27]]]))
