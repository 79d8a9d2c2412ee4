"""The rule of the own forward pass: a backward pass that is the exact gradient of a wrong forward pass is right."""

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

import numpy as np
import pytest

from ..errors import NotScored, OutOfTime, SandboxError, StudentError, Unrecorded
from ..sandbox.parent.client import Answered
from ..sandbox.parent.proxy import Package, Proxy
from . import derivative
from .collect import State
from .context import Grading, derive
from .expect import Mismatch, values_noted
from .second_look import SecondLook, afresh, arguments_of
from .tally import DIGITS

SECONDS = 20.0  # for one look, which as a rule takes a quarter of a second: no verdict hangs on a busy machine
SHARE = 1 / 8  # of the run's time, for all looks together
AGAIN = 3  # calls of each kind that are made again
SAME = 1e-14  # of the largest value; what one function computes twice on one machine
TRAITS = {"depends": "does not depend on", "bends": "is linear in", "mixes": "does not mix the entries of"}


class NoGradient(Exception):
    """Why an answer is not right after all, in words of the engine's own."""


@dataclass(frozen=True)
class Passes:
    """A forward and a backward pass as a check called them; `keys` are the places of the arrays with a gradient."""

    forward: str
    backward: str
    arguments: dict[int | str, Any]
    dout: np.ndarray

    @property
    def keys(self) -> list[int | str]:
        return [
            key for key, value in self.arguments.items() if isinstance(value, np.ndarray) and value.dtype.kind == "f"
        ]

    @property
    def points(self) -> list[np.ndarray]:
        return [self.arguments[key] for key in self.keys]


def look(grading: Grading, item: pytest.Function, state: State, mismatch: Mismatch) -> SecondLook:
    """Compares what a failed check got with the derivative of the student's own forward pass; raises SandboxError."""
    forward = forward_of(grading, state)
    if not forward or "student" not in arguments_of(item) or state.timing or grading.debug or not _of_value(mismatch):
        return SecondLook()
    if grading.tally.lost_nothing(forward):
        return SecondLook()
    left = SHARE * grading.manifest.limits.run_seconds - grading.compared_seconds
    started = time.monotonic()
    try:
        _check(grading, item, state, forward, _clock(min(left, SECONDS)))
    except NoGradient as reason:
        return SecondLook(False, f"not the gradient of your own {forward}: {reason}")
    except OutOfTime:
        return SecondLook(False, f"not compared with your own {forward}: the time of the whole run is used up")
    finally:
        grading.compared_seconds += time.monotonic() - started
    return SecondLook(True, f"the exact gradient of your own {forward}, in which something is wrong")


def forward_of(grading: Grading, state: State) -> str:
    """The forward pass whose gradients a check is about; empty where it judges anything but its backward passes."""
    found = {grading.manifest.forward_of(name) for name in state.judged}
    return found.pop() if len(found) == 1 else ""


def traits_of(root: Package, answered: Iterable[Answered], forward: str, state: State) -> list[list[str]]:
    """Of what kind a package's forward pass is for each backward pass that a check called (`derivative.traits`).

    Empty where a check's passes have no derivative to compare with, such as one about float32.
    """
    try:
        return [_traits(root, passes, state, lambda: None) for passes in _called(root, answered, forward, state)]
    except NoGradient:
        return []


def _of_value(mismatch: Mismatch) -> bool:
    """Whether a claim about values failed, and not one about digits, dtypes, shapes or arguments that were changed."""
    return mismatch.error is not None and bool(mismatch.allowed) and mismatch.error >= DIGITS


def _check(grading: Grading, item: pytest.Function, state: State, forward: str, clock: Callable[[], None]) -> None:
    """Runs a check in a fresh worker to see its calls, then compares each backward pass; raises NoGradient."""
    clock()
    seed = derive(state.seed, "worker")
    worker = grading.student_worker(state.libraries, seed, fresh=True)
    try:
        reference = grading.reference_worker(state.libraries, seed)
        worker.answered = []
        with values_noted() as wrong:
            item.obj(**afresh(arguments_of(item), state.copy(), student=worker.root(), reference=reference.root()))
        answered, worker.answered = worker.answered, None
        called = _called(worker.root(), answered, forward, state)
        if not called or not all(map(_of_value, wrong)):
            raise NoGradient("the check makes other claims")
        places = {mismatch.place for mismatch in wrong}
        wanted = _wanted_traits(grading, reference.root(), called, state, clock)
        for passes, least in zip(called, wanted, strict=True):
            compared, told = [], []
            _compare(worker.root(), passes, None if None in places else places, state, clock, compared)
            _refuse_trivial(worker.root(), passes, least, state, clock, told)
            for seen in (compared, told):
                _ask_again(grading, passes, state, clock, seen)
    except Mismatch:
        raise NoGradient("another claim of the check fails") from None
    except StudentError as error:
        if error.trusted:
            raise NoGradient("the reference cannot tell of what kind it should be") from None
        grading.patience.note(error)
        raise NoGradient("one of the passes raised an exception") from None
    except (NotScored, Unrecorded):
        raise NoGradient("that takes the reference") from None
    except (NoGradient, SandboxError, OutOfTime):
        raise
    except Exception:  # by an answer that the check can't use, another one than before
        raise NoGradient("another claim of the check fails") from None
    finally:
        worker.dismiss()


def _called(root: Package, answered: Iterable[Answered], forward: str, state: State) -> list[Passes]:
    """The backward passes that a check called, each with the forward pass that its cache came from."""
    earlier, found = [], []
    for call, answer in answered:
        values = [*call.arguments, *call.keywords.values()]
        if call.asked == forward and isinstance(answer, tuple):
            earlier.append((call, answer))
        if call.asked in state.judged and len(values) == 2:
            dout, cache = values
            source = next((c for c, parts in reversed(earlier) if any(part is cache for part in parts)), None)
            dout = root.fetch(dout)
            if source is None or not isinstance(dout, np.ndarray):
                raise NoGradient("its cache is not that of a forward pass")
            arguments = dict(enumerate(source.arguments)) | source.keywords
            arguments = {key: root.fetch(value) for key, value in arguments.items()}
            found.append(Passes(forward, call.asked, arguments, dout))
    return found


def _ask_again(grading: Grading, passes: Passes, state: State, clock: Callable, seen: list) -> None:
    """Makes some of the calls again, each in a worker of its own; raises NoGradient where an answer is another one.

    Without a history a forward pass cannot know that it is compared, so it cannot be one function for the comparison
    and another, with more to it, where its kind is told.
    """
    for points, out in SystemRandom().sample(seen, min(AGAIN, len(seen))):
        worker = grading.student_worker(state.libraries, derive(state.seed, "worker"), fresh=True)
        try:
            again = _caller(worker.root(), passes, state, clock)(points)
        finally:
            worker.dismiss()
        if not np.abs(again - out).max(initial=0.0) <= SAME * np.abs(out).max(initial=0.0):
            raise NoGradient("the forward pass answers otherwise when it is asked again")


def _caller(
    root: Package, passes: Passes, state: State, clock: Callable[[], None], seen: list | None = None
) -> derivative.Function:
    """The forward pass as a function of its arrays, with the generators in one state whenever it is called.

    What it was called with and what it returned goes into `seen`.
    """
    forward = functools.reduce(getattr, passes.forward.split("."), root)

    def call(points: Sequence[np.ndarray]) -> np.ndarray:
        clock()
        out, _ = _results(root, forward, passes.arguments | dict(zip(passes.keys, points, strict=True)), state)
        out = _array(out, passes.dout.shape)
        if seen is not None:
            seen.append((points, out))
        return out

    return call


def _results(root: Package, function: Proxy, arguments: dict[int | str, Any], state: State) -> tuple[Any, Any]:
    root.seed(derive(state.seed, "worker"))
    positional = [value for key, value in arguments.items() if isinstance(key, int)]
    results = function(*positional, **{key: value for key, value in arguments.items() if isinstance(key, str)})
    if not isinstance(results, tuple) or len(results) != 2:
        raise NoGradient("the forward pass does not return out and a cache")
    return results


def _array(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != shape:
        raise NoGradient("a shape or dtype is wrong, or it is not float64")
    if not np.isfinite(value).all():
        raise NoGradient("some values are not finite")
    return value


def _compare(root: Package, passes: Passes, places: set[int] | None, state: State, clock: Callable, seen: list) -> None:
    """Compares the gradients at these places, all by default, with differences of the forward pass."""
    forward, backward = (functools.reduce(getattr, name.split("."), root) for name in (passes.forward, passes.backward))
    _, cache = _results(root, forward, passes.arguments, state)
    gradients = backward(passes.dout, cache)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    if len(gradients) != len(passes.keys):
        raise NoGradient("there is not one gradient for each array")
    function = _caller(root, passes, state, clock, seen)
    rng = np.random.RandomState(derive(state.seed, "directions"))
    for place in range(len(gradients)) if places is None else sorted(places):
        gradient = _array(gradients[place], passes.points[place].shape)
        exact = derivative.is_gradient(function, passes.points, place, gradient, passes.dout, rng)
        if exact is None:
            raise NoGradient("it has no derivative to compare with: kinks, noise or too few digits")
        if not exact:
            raise NoGradient("along a random direction it predicts another change")


def _refuse_trivial(root: Package, passes: Passes, least: list[str], state: State, clock: Callable, seen: list) -> None:
    """Raises NoGradient where a forward pass is simpler than the right one, so that its gradient is no work."""
    found = _traits(root, passes, state, clock, seen)
    lacking = [trait.split() for trait in sorted(set(least) - set(found))]
    for name, sentence in TRAITS.items():
        for place in (int(place) for place, lacked in lacking if lacked == name):
            raise NoGradient(f"that is too simple, out {sentence} array {place + 1} of its arguments")
    if any(trait.endswith(" copies") for trait in set(found) - set(least)):
        raise NoGradient("that is too simple, out is one of its arguments")


def _traits(
    root: Package, passes: Passes, state: State, clock: Callable[[], None], seen: list | None = None
) -> list[str]:
    rng = np.random.RandomState(derive(state.seed, "traits"))
    return sorted(derivative.traits(_caller(root, passes, state, clock, seen), passes.points, rng))


def _wanted_traits(
    grading: Grading, reference: Package, called: list[Passes], state: State, clock: Callable
) -> list[list[str]]:
    """Of what kind the reference's forward pass is on the same arguments, as it shows now or as it was recorded."""
    if grading.recording is None:
        return [_traits(reference, passes, state, clock) for passes in called]
    cassette = grading.recording.cassette(derive(state.seed, "worker"))
    if cassette is None or len(cassette.traits) != len(called):
        raise NoGradient("that takes the reference")
    return cassette.traits


def _clock(seconds: float) -> Callable[[], None]:
    """Raises NoGradient once these seconds are over."""
    end = time.monotonic() + seconds

    def check() -> None:
        if time.monotonic() > end:
            raise NoGradient("it takes too long to be compared")

    return check
