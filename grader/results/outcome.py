"""The ways a check can end, and all that follows from each."""

from enum import StrEnum
from typing import Self


class Outcome(StrEnum):
    """A check's end, from the worst to what needs nothing; tables name the worst of a group.

    `style` is how a terminal marks it, `next_step` what a student does next. It is `settled` where nothing is left to
    do, and `told` where reports give the check's sentence.
    """

    style: str
    next_step: str
    settled: bool
    told: bool

    GRADER_ERROR = "grader_error", "magenta", "tell the staff; grading again settles them"
    CRASHED = "crashed", "red", "often too much memory, or `exit()`"
    TIMEOUT = "timeout", "red", "look for an endless loop, or loops over single numbers"
    FAILED = "failed", "red", "mend it"
    BLOCKED = "blocked", "yellow", "do that first"
    NOT_ATTEMPTED = "not_attempted", "dim", "write it", False, False
    PASSED = "passed", "green", "", True, False
    NOT_SCORED = "not_scored", "dim", "nothing", True

    def __new__(cls, value: str, style: str, next_step: str, settled: bool = False, told: bool = True) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.style, member.next_step, member.settled, member.told = style, next_step, settled, told
        return member

    @property
    def word(self) -> str:
        """Return the outcome as reports write it."""
        return self.value.replace("_", " ")

    @property
    def by_own_code(self) -> bool:
        """Return whether the judged function itself gave a wrong answer, raised, hung or crashed."""
        return self in (Outcome.FAILED, Outcome.TIMEOUT, Outcome.CRASHED)
