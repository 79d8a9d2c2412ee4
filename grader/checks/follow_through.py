"""Run a check again on other packages: is a wrong answer right given right functions, and who is to blame?"""

import builtins
from dataclasses import dataclass, field
from typing import Any

from ..course.manifest import Manifest
from ..errors import OutOfTime, SandboxError, WorkerEnded
from ..sandbox.parent.proxy import Package
from . import messages
from .bookkeeping import trace_answers
from .collect import RAISED, Bound, RunningCheck
from .context import RunContext, derive, make_rng
from .expect import Mismatch
from .misconceptions import Evidence, find_evidence


@dataclass(frozen=True)
class Rerun:
    """A check run with replaced functions: which were called, which raised what, what the check raised, and on what."""

    used: set[str]
    raised: list[tuple[str, str]]
    error: BaseException | None = None
    evidence: list[Evidence] = field(default_factory=list)


def may_be_named(running: RunningCheck) -> bool:
    """Return whether a misconception may be named by the present run: on published inputs, and not by speed."""
    return not (running.timing or running.secret or running.check.visibility == "hidden")


def renew(running: RunningCheck, **packages: Package) -> dict[str, Any]:
    """Return a check's arguments with new draws from its seed, and the worker it has now or else these packages."""
    new: dict[str, Any] = {"rng": make_rng(running.seed)}
    if running.worker is not None:
        new["student"] = running.worker.root()
    new |= packages
    new |= {name: value.rebind(running) for name, value in running.arguments.items() if isinstance(value, Bound)}
    return {name: new.get(name, value) for name, value in running.arguments.items()}


def look_below(context: RunContext, running: RunningCheck) -> str:
    """Run a failed check again with the reference's functions where the student's code calls its own.

    It is right if it passes and each function that was called is mostly right itself. Return a remark on that, empty
    where it is not right, or the run's time is over. Raise SandboxError. Layers that nothing has judged, those of a
    question left out, stay the student's; what is to tell a misconception leaves none of them the student's.
    """
    scores = context.scores
    try:
        below = _list_below(context, running)
        names = {name for name in below if any(map(scores.is_judged, context.manifest.find_layer_passes(name)))}
        if names != below and may_be_named(running):
            _note_evidence(running, run_replaced(context, running, below))
        if not any(map(scores.is_mostly_right, names)):
            return ""
        rerun = run_replaced(context, running, names)
    except OutOfTime:
        return ""
    if names == below and may_be_named(running):
        _note_evidence(running, rerun)
    if rerun.error is not None or not all(map(scores.is_mostly_right, rerun.used)):
        return ""
    slipped = {name for name in rerun.used if not scores.is_right(name)} or rerun.used
    return messages.RIGHT_ABOVE.format(", ".join(sorted(slipped))) if slipped else ""


def list_evidence(context: RunContext, running: RunningCheck) -> list[Evidence]:
    """Return the evidence on the judged functions alone: of the student's own run if those below are right."""
    below = list_replaceable(context.manifest, context.foundations.get(running.check.id, set()), running)
    own = running.evidence if all(map(context.scores.is_right, below)) else []
    return own + running.given_right


def needed_is_at_fault(context: RunContext, running: RunningCheck) -> bool | None:
    """Return whether an exception is the fault of what the judged function calls, as a run with the reference's tells.

    True where the check passes then, False where the reference's function raises too on what it is given, None where
    neither happens or no such run is possible. Raise SandboxError.
    """
    try:
        names = _list_below(context, running)
        rerun = run_replaced(context, running, names) if names else Rerun(set(), [])
    except OutOfTime:
        return None
    if rerun.error is None:
        return True if rerun.used else None
    own = context.recorded_answers is None and any(
        name in names and hasattr(builtins, kind) for name, kind in rerun.raised
    )
    return False if own else None


def reference_is_judged(context: RunContext, running: RunningCheck) -> bool:
    """Return whether the reference's answers are judged, right or wrong, in the student's place.

    This control run works on copies of the check's state and record, and may go on beyond the run's time, by the
    reserve. Only what passed with the reference was recorded, so with recorded answers nothing is run. Raise OutOfTime
    when the reserve is used up, SandboxError when no worker can be had: neither tells who is to blame.
    """
    if context.recorded_answers is not None:
        return True
    seed, control = derive(running.seed, "worker"), running.copy()
    with context.timeouts.with_reserve():
        try:
            control.worker = None
            control.worker = context.launch_reference(control.libraries, seed)
            reference = context.get_reference_worker(control.libraries, seed)
            control.body(**renew(control, reference=reference.root()))
        except Mismatch:
            return True
        except (OutOfTime, SandboxError):
            raise
        except RAISED:
            return False
        finally:
            if control.worker is not None:
                control.worker.kill()
    return True


def list_replaceable(manifest: Manifest, called: set[str], running: RunningCheck) -> set[str]:
    """Return the functions that the reference calls, and all passes of their layers, which a student may call instead.

    None of them is judged by the check. Of a judged function's own layer they are only what the reference calls: the
    answer of an equivalent one would be the answer that is asked for.
    """
    questions, libraries = manifest.functions(), set(running.libraries)
    layers: set[str] = set().union(*map(manifest.find_layer_passes, called))
    own: set[str] = set().union(*map(manifest.find_layer_passes, running.judged))
    names = (called | (layers - own)) - set(running.judged)
    return {name for name in names if set(questions[name].libraries) <= libraries}


def run_replaced(context: RunContext, running: RunningCheck, names: set[str] | None) -> Rerun:
    """Run a check with these functions of the student's package replaced, or all of the reference's where None.

    Raise SandboxError and OutOfTime, which have nothing to do with the check.
    """
    seed = derive(running.seed, "worker")
    reference = context.get_reference_worker(running.libraries, seed)
    with context.with_callbacks(running.libraries, seed, names) as worker:
        raised, evidence, forwarder = None, [], worker.forwarder
        assert forwarder is not None  # a worker with stubs has one
        try:
            packages = {"student": worker.root(), "reference": reference.root()}
            with trace_answers() as trace:
                running.body(**renew(running.copy(), **packages))
        except (SandboxError, OutOfTime):
            raise
        except RAISED as error:
            raised = error
            evidence = find_evidence(trace, error, running.check.id, worker.last_call)
        return Rerun(forwarder.used, forwarder.raised, raised, evidence)


def _list_below(context: RunContext, running: RunningCheck) -> set[str]:
    """Return the functions below the judged ones that can be replaced in a check; none where none can."""
    has_both = {"student", "reference"} <= running.arguments.keys() and not running.timing and context.second_looks
    if not has_both or running.worker is None or not running.worker.alive:
        return set()
    return list_replaceable(context.manifest, list_called_by_reference(context, running), running)


def list_called_by_reference(context: RunContext, running: RunningCheck) -> set[str]:
    """Return the assignment's functions that the reference calls in this check, none where they can't be had."""
    known = context.foundations
    if running.check.id not in known and context.recorded_answers is None:
        rerun = run_replaced(context, running, None)
        if isinstance(rerun.error, WorkerEnded):  # which the next run of a class need not share
            return set()
        known[running.check.id] = rerun.used if rerun.error is None else set()
    return known.get(running.check.id, set())


def _note_evidence(running: RunningCheck, rerun: Rerun) -> None:
    if isinstance(rerun.error, Mismatch):
        running.given_right = rerun.evidence
