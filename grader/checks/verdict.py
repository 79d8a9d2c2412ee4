"""Decide who is to blame for what a check raised: the answer, what it needs, the grader, or nobody."""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..errors import (
    AnswerVaries,
    NotScored,
    OutOfTime,
    Unrecorded,
    WorkerCrashed,
    WorkerError,
    WorkerRaised,
    WorkerTimeout,
)
from ..results.record import Cause, Outcome
from . import messages, wording
from .bookkeeping import KnownFaults
from .expect import Mismatch
from .messages import say

OUTCOMES: dict[type[WorkerError], Outcome] = {WorkerTimeout: Outcome.TIMEOUT, WorkerCrashed: Outcome.CRASHED}


@dataclass(frozen=True)
class Verdict:
    """An outcome in words: `message` says it all, `detail` adds the lines of code.

    `brief` holds only constant words and names that the check itself wrote: nothing in which an input could leave.
    `cause` is the module whose import the check waits for, `needs` the function that it cannot be judged without,
    `raised` an exception with its line.
    """

    outcome: Outcome
    message: str
    brief: str
    detail: str = ""
    error: float | None = None
    allowed: float | None = None
    earned: int | float = 0
    run: bool = True
    cause: str = ""
    needs: str = ""
    raised: str = ""


@dataclass(frozen=True)
class Case:
    """The facts known when a check has raised something.

    The last two were found by running it with the reference. They are None where that was not needed or not possible.
    """

    judged: tuple[str, ...]
    faults: KnownFaults
    is_mostly_right: Callable[[str], bool] = lambda name: False  # whether a function did well in its own checks
    called: str = ""  # what the check called last, as its worker names it
    asked: str = ""  # the same, as the check names it
    callees: frozenset[str] = frozenset()  # all that it has called so far
    cause: Cause | None = None  # the module whose import failed, where that was raised
    answer: Any = None  # what came back last
    reference_is_judged: bool | None = None  # whether its answers are judged, right or wrong, in the student's place
    needed_is_at_fault: bool | None = None  # whether the check does better with the reference's functions below

    def is_unwritten(self) -> bool:
        """Return whether nothing that the check judges is written, however far the check came.

        A function that is given in part has a stub in the rest. It is not written where the check did not call it, but
        came no further than another function of the assignment. Given code may call what it judges, as a class does
        its constructor.
        """
        known = self.faults
        never_ran = known.stubs.keys() - self.callees if self.asked in known.functions else frozenset()
        return bool(self.judged) and all(own in known.unwritten or own in never_ran for own in self.judged)

    def is_at_fault(self, needed: str) -> bool:
        """Return whether a function that raised below the judged one is to blame, and not called wrongly."""
        if needed in self.faults.broken or self.needed_is_at_fault is not None:
            return needed in self.faults.broken or bool(self.needed_is_at_fault)
        return not self.is_mostly_right(needed)


def decide(error: BaseException, case: Case) -> Verdict:
    """Return the verdict on a check that raised `error`."""
    if isinstance(error, OutOfTime):
        return Verdict(Outcome.TIMEOUT, *messages.NOT_RUN, run=False)
    if isinstance(error, NotScored):
        return Verdict(Outcome.NOT_SCORED, *(messages.VARIES if isinstance(error, AnswerVaries) else say(str(error))))
    if isinstance(error, Unrecorded):
        why = messages.OTHER_INPUTS.format(error.target) if error.target else messages.NO_RECORDING
        return Verdict(Outcome.GRADER_ERROR, *messages.UNRECORDED.fill(why=why), detail=format_traceback(error))
    is_students = isinstance(error, WorkerError) and not error.trusted
    if not (is_students or isinstance(error, Mismatch) or case.reference_is_judged):
        return Verdict(Outcome.GRADER_ERROR, *messages.HELD, detail=format_traceback(error))
    if case.is_unwritten():
        return _tell_unwritten(case.judged[0], case.judged[0])
    if isinstance(error, Mismatch):
        message = "; ".join(filter(None, [error.message, error.inputs]))
        return Verdict(Outcome.FAILED, message, error.brief, "", error.error, error.allowed, error.earned)
    if isinstance(error, WorkerError) and is_students:
        return _judge_worker_error(error, case) if case.cause is None else _judge_import(error, case.cause, case)
    return Verdict(Outcome.FAILED, *wording.explain_unusable(error, case.called, case.asked, case.answer))


def is_unforeseen(error: BaseException) -> bool:
    """Return whether only a run with the reference in the student's place can tell who is to blame.

    A reference that takes too long by its own limit does so whoever asks.
    """
    if isinstance(error, WorkerError):
        return error.trusted and not isinstance(error, WorkerTimeout)
    return not isinstance(error, (OutOfTime, NotScored, Unrecorded, Mismatch))


def find_deciding(error: BaseException, case: Case) -> list[str]:
    """Return the functions below a judged one in a traceback; what is found out about them decides who is to blame."""
    if not isinstance(error, (WorkerRaised, WorkerTimeout)) or error.trusted or case.cause is not None:
        return []
    if case.is_unwritten() or (isinstance(error, WorkerRaised) and error.put_off):
        return []
    needed, is_below = functions_below(error, case)
    return needed if is_below else []


def find_faulty(error: BaseException, found: Verdict, judged: tuple[str, ...]) -> tuple[str, ...]:
    """Return the judged functions that raised, hung or crashed themselves: no caller of theirs is at fault then."""
    if not isinstance(error, WorkerError) or error.trusted or not found.outcome.by_own_code:
        return ()
    names = [error.callee, *(frame.function for frame in error.frames)]
    return tuple(own for own in judged if any(is_part(name, own) for name in names)) or judged


def find_culprit(error: WorkerError, case: Case) -> str | None:
    """Return the function at fault where the check needs it and does not judge it, None for its own.

    Of the assignment's functions between the judged one and the exception, it is the innermost that was not called
    with what it cannot take.
    """
    needed, is_below = functions_below(error, case)
    return next(filter(case.is_at_fault, needed), None if is_below else error.callee or None)


def functions_below(error: WorkerError, case: Case) -> tuple[list[str], bool]:
    """Return the assignment's functions that the exception passed through, innermost first, up to a judged one.

    The second value tells whether there is a judged one; where none is, the check called them itself.
    """
    needed: list[str] = []
    for name in [*(frame.function for frame in reversed(error.frames)), error.callee]:
        if any(is_part(name, own) for own in case.judged):
            return needed, True
        needed += filter(None, [_function_of(name, case.faults.functions)])
    return needed, False


def is_part(name: str, judged: str) -> bool:
    """Return whether a name is a judged function, a part of one, or the class or module it stands in."""
    return name == judged or name.startswith(f"{judged}.") or judged.startswith(f"{name}.")


def _judge_import(error: WorkerError, cause: Cause, case: Case) -> Verdict:
    """Judge a check that waits for a module: its own, or another that keeps its own from being imported."""
    own = any(name.startswith(f"{cause.module}.") for name in case.judged)
    outcome = OUTCOMES.get(type(error), Outcome.FAILED) if own else Outcome.BLOCKED
    brief = messages.UNIMPORTABLE.brief.format(asked=wording.name_asked(error.asked))
    return Verdict(outcome, cause.message, brief, detail=wording.trace_error(error), cause=cause.module)


def _judge_worker_error(error: WorkerError, case: Case) -> Verdict:
    """Judge code that raised, hung or crashed: the judged function's own, or that of a culprit it needs."""
    if isinstance(error, WorkerRaised) and error.put_off:
        return _judge_stub(error, case)
    culprit, outcome, sentence = find_culprit(error, case), OUTCOMES.get(type(error), Outcome.FAILED), None
    if culprit is not None:
        outcome, sentence = Outcome.BLOCKED, wording.explain_broken_need(culprit, error, culprit in case.faults.broken)
    is_told = isinstance(error, WorkerRaised) and error.frames
    raised = f"{error.kind} in {error.frames[-1].file}, line {error.frames[-1].line}" if is_told else ""
    words = *(sentence or wording.explain_error(error)), wording.trace_error(error)
    return Verdict(outcome, *words, needs=culprit or "", raised=raised)


def _tell_unwritten(name: str, asked: str) -> Verdict:
    return Verdict(Outcome.NOT_ATTEMPTED, *messages.UNWRITTEN.fill(name=name, asked=asked))


def _judge_stub(error: WorkerRaised, case: Case) -> Verdict:
    name = error.frames[-1].function if error.frames else error.callee
    if own := [stub for stub in case.judged if stub in case.faults.stubs]:
        return _tell_unwritten(own[0], own[0])
    if not error.frames or any(is_part(name, stub) for stub in case.judged):
        return _tell_unwritten(name, wording.name_asked(error.asked))
    needs = _function_of(name, case.faults.functions)
    return Verdict(Outcome.BLOCKED, *wording.explain_unwritten_need(name, error), needs=needs)


def _function_of(name: str, functions: Iterable[str]) -> str:
    """Return the assignment's function that a frame's name is, or is a part of; empty where it is given code's."""
    return max((own for own in functions if name == own or name.startswith(f"{own}.")), key=len, default="")


def format_traceback(error: BaseException) -> str:
    """Return an exception as Python prints it."""
    return "".join(traceback.format_exception(error))
