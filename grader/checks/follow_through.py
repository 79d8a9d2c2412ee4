"""Follow-through: whether a wrong answer is right given right functions below it, as the reference builds on them."""

import builtins
from dataclasses import dataclass

import pytest

from ..course.manifest import Manifest
from ..errors import OutOfTime, SandboxError, StudentRaised
from .collect import State
from .context import Grading, derive
from .expect import Mismatch
from .second_look import SecondLook, afresh, arguments_of

BELOW = "the functions below it"
BUILT_IN = frozenset(name for name, value in vars(builtins).items() if isinstance(value, type))


@dataclass(frozen=True)
class Rerun:
    """A check run with replaced functions: which were called, which raised what, and what the check raised."""

    used: set[str]
    raised: list[tuple[str, str]]
    error: Exception | None = None


def look(grading: Grading, item: pytest.Function, state: State, mismatch: Mismatch) -> SecondLook:
    """Runs a failed check again with the reference's functions where the student's code calls its own.

    It is right if it passes and each function that was called is mostly right itself; raises SandboxError.
    """
    if not _is_comparable(grading, item, state):
        return SecondLook()
    try:
        called = _called_by_reference(grading, item, state)
        if called is None:
            return _refused(
                f"{BELOW} cannot be replaced in this check, since what they exchange cannot leave a process"
            )
        if not called:
            return SecondLook()
        return _with_replaced(grading, item, state, replaceable(grading.manifest, called, state))
    except OutOfTime:
        return _refused("the time of the whole run is used up")


def needed_is_at_fault(grading: Grading, item: pytest.Function, state: State) -> bool | None:
    """Whether an exception is the fault of what the judged function calls, as a run with the reference's tells.

    True where the check passes then, False where the reference's function raises too on what it is given, None where
    neither happens or no such run is possible. Raises SandboxError.
    """
    if not _is_comparable(grading, item, state):
        return None
    try:
        called = _called_by_reference(grading, item, state)
        names = replaceable(grading.manifest, called, state) if called else set()
        rerun = run_replaced(grading, item, state, names) if names else Rerun(set(), [])
    except OutOfTime:
        return None
    if rerun.error is None:
        return True if rerun.used else None
    own = grading.recording is None and any(name in names and kind in BUILT_IN for name, kind in rerun.raised)
    return False if own else None


def _is_comparable(grading: Grading, item: pytest.Function, state: State) -> bool:
    """Whether functions can be replaced in this check at all."""
    packages = {"student", "reference"} <= set(arguments_of(item)) and not state.timing and not grading.debug
    return packages and state.worker is not None and state.worker.alive


def replaceable(manifest: Manifest, called: set[str], state: State) -> set[str]:
    """The functions that the reference calls, and all passes of their layers, which a student may call instead.

    None of them is judged by the check. Of a judged function's own layer they are only what the reference calls: the
    answer of a twin would be the answer that is asked for.
    """
    questions = manifest.functions()
    families = set().union(*map(manifest.family, called)) - set().union(*map(manifest.family, state.judged))
    libraries = set(state.libraries)
    return {name for name in (called | families) - set(state.judged) if set(questions[name].libraries) <= libraries}


def run_replaced(grading: Grading, item: pytest.Function, state: State, names: set[str] | None) -> Rerun:
    """Runs a check with these functions of the student's package replaced, or all of the reference's where None.

    Raises SandboxError and OutOfTime, which have nothing to do with the check.
    """
    seed = derive(state.seed, "worker")
    reference = grading.reference_worker(state.libraries, seed)
    with grading.with_stubs(state.libraries, seed, names) as worker:
        forwarder, raised = worker.forwarder, None
        try:
            packages = {"student": worker.root(), "reference": reference.root()}
            item.obj(**afresh(arguments_of(item), state.copy(), **packages))
        except (SandboxError, OutOfTime):
            raise
        except Exception as error:
            raised = error
        return Rerun(forwarder.used, forwarder.raised, raised)


def _called_by_reference(grading: Grading, item: pytest.Function, state: State) -> set[str] | None:
    """The functions of the assignment that the reference itself calls in this check; None where they can't be had."""
    known = grading.foundations
    if state.check.id not in known and grading.recording is None:
        rerun = run_replaced(grading, item, state, None)
        known[state.check.id] = rerun.used if rerun.error is None else None
    return known.get(state.check.id, set())


def _with_replaced(grading: Grading, item: pytest.Function, state: State, names: set[str]) -> SecondLook:
    """Layers that nothing has judged yet, those of a question that is left out, stay the student's own."""
    if not names:
        return _refused(f"it judges {BELOW} too")
    names = {name for name in names if any(map(grading.tally.judged, grading.manifest.family(name)))}
    if not names:
        return _refused(f"{BELOW} have not been judged yet")
    if not any(map(grading.tally.mostly_right, names)):
        return _refused(f"none of {_listed(names)} is mostly right in yours")
    rerun = run_replaced(grading, item, state, names)
    if rerun.error is not None:
        return _refused(_why(rerun))
    if not rerun.used:
        return _refused(f"it calls none of {_listed(names)}")
    poor = {name for name in rerun.used if not grading.tally.mostly_right(name)}
    if poor:
        return _refused(f"not mostly right in yours, or not judged yet: {_listed(poor)}")
    slipped = {name for name in rerun.used if not grading.tally.lost_nothing(name)} or rerun.used
    return SecondLook(True, f"right given right {_listed(slipped)}, of which something is wrong in yours")


def _why(rerun: Rerun) -> str:
    if rerun.raised:
        name, kind = rerun.raised[-1]
        return f"the reference's {name} raised {_plain(kind)} on what it was given"
    given = f"given right {_listed(rerun.used)}" if rerun.used else f"and {BELOW} are not called"
    if isinstance(rerun.error, Mismatch):
        return f"it is wrong {given}"
    error = rerun.error
    return f"it raises {_plain(error.kind if isinstance(error, StudentRaised) else type(error).__name__)} {given}"


def _plain(kind: str) -> str:
    """The name of an exception where it is one of Python's own, which no package can choose."""
    return kind if kind in BUILT_IN else "an exception"


def _refused(reason: str) -> SecondLook:
    return SecondLook(False, f"not right given right functions: {reason}")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))
