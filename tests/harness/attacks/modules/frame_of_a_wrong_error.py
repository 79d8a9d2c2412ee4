"""Report an error whose place and words are of no kind the grader expects."""

from .tools import frame, send

KIND = "act"
OUTCOME = "ended"
OPEN = "the grader's decoder takes reports of one form only"


def attack(target):
    send(frame({"error": {"type": [1], "message": {"x": 1}, "frames": [{"file": 1, "line": "one"}, 3]}}))
