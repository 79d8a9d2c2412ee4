"""Hand the grader a proxy of something that is not there, with a name that would colour its terminal."""

from .tools import frame, send

KIND = "act"
OUTCOME = "refused"
OPEN = "the grader's proxies hold a number and printable words, nothing else"


def attack(target):
    import time

    send(frame({"ok": {"handle": [10**9, "\x1b[31mmodule", "act.\x1b[2J"]}}))
    time.sleep(0.3)
