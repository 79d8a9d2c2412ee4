"""Who is to blame for what a check raised: one decision, from facts alone, without a side effect."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..oracle import NotScored, Unrecorded
from ..sandbox.errors import StudentError, StudentRaised, StudentTimeout
from . import verdict
from .expect import Mismatch
from .patience import OutOfTime
from .verdict import IMPORT_KINDS, Memory, Verdict, same


@dataclass(frozen=True)
class Case:
    """What is known when a check has raised something.

    `sound` tells whether a function has done well in its own checks. `reference_is_judged` is what a run with the
    reference in the student's place came to: True when its answers were judged, right or wrong; False when that raised
    something unforeseen too; None where no such run was needed or possible.
    """

    judged: tuple[str, ...]
    memory: Memory
    sound: Callable[[str], bool] = lambda name: False
    called: str = ""
    reference_is_judged: bool | None = None


def decide(error: BaseException, case: Case) -> Verdict:
    """The outcome of a check that raised `error`, in words."""
    if isinstance(error, OutOfTime):
        return Verdict("timeout", verdict.NOT_RUN)
    if isinstance(error, NotScored):
        return Verdict("not_scored", str(error))
    if isinstance(error, Unrecorded):
        return verdict.of_unrecorded(error)
    if isinstance(error, Mismatch):
        return verdict.of_mismatch(error)
    if isinstance(error, StudentError) and not error.trusted:
        return verdict.of_student_error(error, case.judged, case.memory, culprit(error, case))
    if case.reference_is_judged:
        return verdict.of_unusable_answer(error, case.called, case.memory)
    return verdict.of_grader_error(error)


def is_unforeseen(error: BaseException) -> bool:
    """Whether only a run with the reference in the student's place can tell who is to blame.

    A reference that takes too long by its own limit does so whoever asks.
    """
    if isinstance(error, StudentError):
        return error.trusted and not isinstance(error, StudentTimeout)
    return not isinstance(error, (OutOfTime, NotScored, Unrecorded, Mismatch))


def culprit(error: StudentError, case: Case) -> str | None:
    """The function or module at fault where that is one the check needs and does not judge, None for its own.

    Of the assignment's functions between the judged one and the exception, the innermost is at fault, unless it did
    well in its own checks: then it was called with what it cannot take, and its caller is at fault.
    """
    if isinstance(error, StudentRaised) and error.kind in IMPORT_KINDS and error.frames:
        module = error.frames[-1].file.removesuffix(".py").replace("/", ".")
        return None if any(own.startswith(f"{module}.") for own in case.judged) else module
    below: list[str] = []
    for name in [*(frame.function for frame in reversed(error.frames)), error.callee]:
        if any(same(name, own) for own in case.judged):
            return next((needed for needed in below if not case.sound(needed)), None)
        below += filter(None, [_function_of(name, case.memory.functions)])
    return next((needed for needed in below if not case.sound(needed)), None) or error.callee or None


def _function_of(name: str, functions: Iterable[str]) -> str:
    """The function of the assignment that a frame's name is, or is a part of; empty where it is given code's."""
    return max((own for own in functions if name == own or name.startswith(f"{own}.")), key=len, default="")


def depends_on_others(error: BaseException) -> bool:
    """Whether the verdict on an error may change with what is found out about other functions."""
    return isinstance(error, StudentRaised) and not error.trusted and error.kind != "NotImplementedError"


def at_fault(error: BaseException, found: Verdict, judged: tuple[str, ...]) -> tuple[str, ...]:
    """The judged functions that raised, hung or crashed themselves: no caller of theirs is at fault then."""
    own = isinstance(error, StudentError) and not error.trusted and found.outcome in ("failed", "timeout", "crashed")
    if not own:
        return ()
    names = [error.callee, *(frame.function for frame in error.frames)]
    return tuple(own for own in judged if any(same(name, own) for name in names)) or judged
