"""Announce arrays of more than any memory in a well-formed header."""

from .tools import frame, send

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader checks every length before it allocates"


def attack(target):
    send(frame({"ok": {"array": 0}}, [["<f8", [1 << 27, 1 << 27, 1 << 27]]]))
