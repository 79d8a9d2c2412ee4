"""What can go wrong in a worker, as exceptions the parent raises."""

from dataclasses import dataclass


@dataclass
class Frame:
    """One line of student code on the way to an exception."""

    file: str
    line: int
    function: str
    text: str


class OutOfTime(Exception):
    """The run's own time is used up; checks that come now are not run."""


class StudentError(Exception):
    """Something in the worker went wrong while `callee` ran; subclasses say what.

    A worker has a hand in all of this but two things: `asked`, the names by which the check itself came to what it
    asked for, and `brief`, which says in constant words what went wrong with it.
    """

    brief = "{} failed"

    def __init__(self, callee: str, sentence: str, frames: list[Frame] | None = None, kind: str = "") -> None:
        super().__init__(sentence)
        self.callee, self.sentence, self.frames, self.kind = callee, sentence, frames or [], kind
        self.trusted = False
        self.asked = ""


class StudentRaised(StudentError):
    """The code raised an exception of type `kind`."""

    brief = "{} raised an exception"


class StudentTimeout(StudentError):
    """The code did not come back within its time; the worker is gone."""

    brief = "{} did not finish in time"


class StudentCrashed(StudentError):
    """The worker ended, or sent what is not a reply; it is gone."""

    brief = "the process ended while {} ran"
