"""Send an answer one byte at a time, each well before a deadline counted from the last."""

from .tools import frame, send

KIND = "act"
OUTCOME = "ended"
OPEN = "one deadline bounds the whole answer"


def attack(target):
    import time

    for byte in frame({"ok": "x" * 1000}):
        send(bytes([byte]))
        time.sleep(0.1)
