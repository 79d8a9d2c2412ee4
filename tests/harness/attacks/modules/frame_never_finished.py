"""Announce 100 MB and send none of it."""

from .tools import frame, send

KIND = "act"
OUTCOME = "ended"
OPEN = "one deadline bounds the whole answer"


def attack(target):
    import time

    send(frame({"ok": {"array": 0}}, [["|u1", [100_000_000]]]))
    time.sleep(600)
