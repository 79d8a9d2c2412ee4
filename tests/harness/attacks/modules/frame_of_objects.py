"""Send an array of objects, which are pointers."""

from .tools import frame, send

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader's decoder takes arrays of numbers only"


def attack(target):
    send(frame({"ok": {"array": 0}}, [["|O", [1]]], b"AAAAAAAA"))
