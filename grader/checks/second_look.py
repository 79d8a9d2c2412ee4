"""A second look at what failed: is it right given right functions, and would the reference's own answer have passed?"""

from typing import Any

import numpy as np
import pytest

from ..sandbox.remote import Package
from .collect import State
from .context import Grading, derive
from .patience import OutOfTime

Arguments = dict[str, Any]


def arguments_of(item: pytest.Function) -> Arguments:
    """What the fixtures made for a check."""
    return {name: item.funcargs[name] for name in item._fixtureinfo.argnames}


def afresh(arguments: Arguments, state: State, **packages: Package) -> Arguments:
    """The arguments of a check with draws from the state's seed, and the worker it has now or else these packages."""
    fresh: Arguments = {"rng": np.random.RandomState(state.seed)}
    if state.worker is not None:
        fresh["student"] = state.worker.root()
    fresh |= packages
    return {name: fresh.get(name, value) for name, value in arguments.items()}


def right_given_right_functions(grading: Grading, item: pytest.Function, state: State) -> bool:
    """Whether the check passes where what the student's code builds on, mostly right itself, is the reference's."""
    comparable = {"student", "reference"} <= set(arguments_of(item)) and not state.timing and not grading.debug
    if not comparable or not state.worker.alive:
        return False
    try:
        names = _foundation(grading, item, state)
        if not names or names.intersection(state.judged) or not all(map(grading.tally.mostly_right, names)):
            return False
        used = run_grafted(grading, item, state, names)
    except Exception:
        return False
    state.remark = f"right given right {', '.join(sorted(used))}, of which something is wrong in yours"
    return bool(used)


def _foundation(grading: Grading, item: pytest.Function, state: State) -> set[str]:
    """The functions of the assignment that the reference itself calls in this check."""
    known = grading.foundations
    if state.check.id not in known:
        known[state.check.id] = run_grafted(grading, item, state, None)
    return known[state.check.id]


def run_grafted(grading: Grading, item: pytest.Function, state: State, names: set[str] | None) -> set[str]:
    """Runs a check on a grafted worker and returns which of its grafts were called; raises what the check does."""
    seed = derive(state.seed, "worker")
    reference = grading.reference_worker(state.libraries, seed)
    with grading.grafted(state.libraries, seed, names) as worker:
        item.obj(**afresh(arguments_of(item), state, student=worker.root(), reference=reference.root()))
        return worker.relay.used


def passes_with_reference(grading: Grading, item: pytest.Function, state: State) -> bool:
    """Whether the same check passes with the reference in the student's place, so that the answer is to blame.

    Only what passed with it was recorded.
    """
    if grading.recording is not None:
        return True
    seed = derive(state.seed, "worker")
    twin = grading.reference_twin(state.libraries, seed)
    judged, state.worker = state.worker, twin
    try:
        reference = grading.reference_worker(state.libraries, seed)
        item.obj(**afresh(arguments_of(item), state, reference=reference.root()))
        return True
    except OutOfTime:
        raise
    except (Exception, pytest.fail.Exception, pytest.skip.Exception):
        return False
    finally:
        state.worker = judged
        twin.kill()
