"""Who is to blame for what a check raised: one decision, from facts alone, without a side effect."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..errors import NotScored, OutOfTime, StudentError, StudentRaised, StudentTimeout, Unrecorded
from ..results.outcome import Outcome
from . import verdict
from .expect import Mismatch
from .verdict import IMPORT_KINDS, Memory, Verdict, same


@dataclass(frozen=True)
class Case:
    """What is known when a check has raised something.

    `mostly_right` tells whether a function has done well in its own checks; `called` is what the check called last as
    its worker names it, `asked` as the check itself does. The other two are what runs of the check with the reference
    told, None where none was needed or possible: whether the reference's answers are judged in the student's place,
    right or wrong; and whether what the judged function needs is at fault, since the reference's does better there.
    """

    judged: tuple[str, ...]
    memory: Memory
    mostly_right: Callable[[str], bool] = lambda name: False
    called: str = ""
    asked: str = ""
    reference_is_judged: bool | None = None
    needed_is_at_fault: bool | None = None

    def is_at_fault(self, needed: str) -> bool:
        """Whether a function that raised below the judged one is to blame, and not called with what it cannot take."""
        if needed in self.memory.broken or self.needed_is_at_fault is not None:
            return needed in self.memory.broken or bool(self.needed_is_at_fault)
        return not self.mostly_right(needed)


def decide(error: BaseException, case: Case) -> Verdict:
    """The outcome of a check that raised `error`, in words."""
    if isinstance(error, OutOfTime):
        return Verdict(Outcome.TIMEOUT, verdict.NOT_RUN, verdict.NOT_RUN, run=False)
    if isinstance(error, NotScored):
        return Verdict(Outcome.NOT_SCORED, str(error), str(error))
    if isinstance(error, Unrecorded):
        return verdict.of_unrecorded(error)
    if isinstance(error, Mismatch):
        return verdict.of_mismatch(error)
    if isinstance(error, StudentError) and not error.trusted:
        return verdict.of_student_error(error, case.judged, case.memory, culprit(error, case))
    if case.reference_is_judged:
        return verdict.of_unusable_answer(error, case.called, case.asked)
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

    Of the assignment's functions between the judged one and the exception, it is the innermost that was not called
    with what it cannot take.
    """
    if isinstance(error, StudentRaised) and error.kind in IMPORT_KINDS and error.frames:
        module = error.frames[-1].file.removesuffix(".py").replace("/", ".")
        return None if any(own.startswith(f"{module}.") for own in case.judged) else module
    needed, is_below = functions_below(error, case)
    return next(filter(case.is_at_fault, needed), None if is_below else error.callee or None)


def functions_below(error: StudentError, case: Case) -> tuple[list[str], bool]:
    """The assignment's functions that the exception passed through, innermost first, and whether a judged one is next.

    Where none is, the check called them itself.
    """
    needed: list[str] = []
    for name in [*(frame.function for frame in reversed(error.frames)), error.callee]:
        if any(same(name, own) for own in case.judged):
            return needed, True
        needed += filter(None, [_function_of(name, case.memory.functions)])
    return needed, False


def _function_of(name: str, functions: Iterable[str]) -> str:
    """The function of the assignment that a frame's name is, or is a part of; empty where it is given code's."""
    return max((own for own in functions if name == own or name.startswith(f"{own}.")), key=len, default="")


def depends_on_others(error: BaseException, case: Case) -> bool:
    """Whether the verdict hangs on what is found out about other functions: those that raised below a judged one."""
    if not isinstance(error, StudentRaised) or error.trusted or error.kind == "NotImplementedError":
        return False
    needed, is_below = functions_below(error, case)
    return is_below and bool(needed) and case.memory.broken.isdisjoint(needed)


def at_fault(error: BaseException, found: Verdict, judged: tuple[str, ...]) -> tuple[str, ...]:
    """The judged functions that raised, hung or crashed themselves: no caller of theirs is at fault then."""
    own = isinstance(error, StudentError) and not error.trusted and found.outcome.by_own_code
    if not own:
        return ()
    names = [error.callee, *(frame.function for frame in error.frames)]
    return tuple(own for own in judged if any(same(name, own) for name in names)) or judged
