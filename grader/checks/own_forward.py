"""Judge by the own forward pass: a backward pass that is the exact gradient of a wrong forward pass is right."""

import functools
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any

import numpy as np

from ..errors import SandboxError, WorkerError
from ..limits import COMPARISON_SECONDS, COMPARISON_SHARE, COMPARISONS
from ..sandbox.parent.proxy import Answered, Call, Package, Proxy
from . import derivative, messages
from .bookkeeping import DIGITS, split_answer, trace_answers
from .collect import RAISED, RunningCheck
from .context import RunContext, derive, make_rng
from .expect import Mismatch
from .follow_through import renew

SAME = 1e-14  # of the largest value; what one function computes twice on one machine


class NoGradient(Exception):
    """An answer is not the exact gradient of the own forward pass, or cannot be compared with it."""


@dataclass(frozen=True)
class Passes:
    """A forward and a backward pass as a check called them."""

    forward: str
    backward: str
    arguments: dict[int | str, Any]
    dout: np.ndarray

    @property
    def points(self) -> dict[int | str, np.ndarray]:
        """Return the arrays with a gradient, by their places."""
        values = self.arguments.items()
        return {key: value for key, value in values if isinstance(value, np.ndarray) and value.dtype.kind == "f"}


@dataclass
class ForwardPass:
    """A package's forward pass as a function of its arrays, with the generators in one state at each call.

    None is called after the `deadline`; what one was given and what it returned goes into `seen`.
    """

    root: Package
    passes: Passes
    seed: int
    deadline: float = math.inf
    seen: list[tuple[Sequence[np.ndarray], np.ndarray]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._forward = _find(self.root, self.passes.forward)

    def __call__(self, points: Sequence[np.ndarray]) -> np.ndarray:
        if time.monotonic() > self.deadline:
            raise NoGradient
        out, _ = self.results(self.passes.arguments | dict(zip(self.passes.points, points, strict=True)))
        out = _require_array(out, self.passes.dout.shape)
        self.seen.append((points, out))
        return out

    def results(self, arguments: dict[int | str, Any]) -> tuple[Any, Any]:
        """Return out and the cache."""
        self.root.seed(derive(self.seed, "worker"))
        positional = [value for key, value in arguments.items() if isinstance(key, int)]
        named = {key: value for key, value in arguments.items() if isinstance(key, str)}
        results = split_answer(self._forward(*positional, **named))
        if len(results) != 2:
            raise NoGradient
        return results

    def gradients(self) -> tuple[Any, ...]:
        """Return what the backward pass makes of the check's own dout and a new cache."""
        _, cache = self.results(self.passes.arguments)
        return split_answer(_find(self.root, self.passes.backward)(self.passes.dout, cache))

    def traits(self) -> list[str]:
        """Return of what kind it is (`derivative.traits`)."""
        rng = make_rng(self.seed, "traits")
        return sorted(derivative.find_traits(self, [*self.passes.points.values()], rng))


def look_at_gradient(context: RunContext, running: RunningCheck, mismatch: Mismatch) -> str:
    """Compare what a failed check got with the derivative of the student's own forward pass.

    Return a remark where it is that, else an empty one. Raise SandboxError.
    """
    forward = find_forward(context, running)
    if not forward or "student" not in running.arguments or running.timing or not context.second_looks:
        return ""
    if not _is_of_value(mismatch) or context.scores.is_right(forward):
        return ""
    left = COMPARISON_SHARE * context.manifest.limits.run_seconds - context.compared_seconds
    spent = context.cpu_seconds()
    if left <= 0:
        return ""
    try:
        _compare_in_new_worker(context, running, forward, time.monotonic() + min(left, COMPARISON_SECONDS))
    except SandboxError:
        raise
    except RAISED as error:  # the gradient is another one, another claim fails, a pass raises, or time is over
        if isinstance(error, WorkerError) and not error.trusted:
            context.timeouts.count_timeout(error, running.inputs_are_secret)
        return ""
    finally:
        context.compared_seconds += context.cpu_seconds() - spent
    return messages.RIGHT_GRADIENT.format(forward)


def find_forward(context: RunContext, running: RunningCheck) -> str:
    """Return the forward pass whose gradients a check is about; empty where it judges more than backward passes."""
    forward = {name: layer.forward for layer in context.manifest.layers for name in layer.backward}
    found = {forward.get(name, "") for name in running.judged}
    return found.pop() if len(found) == 1 else ""


def find_traits_of(root: Package, answered: Iterable[Answered], forward: str, running: RunningCheck) -> list[list[str]]:
    """Return of what kind a package's forward pass is for each backward pass that a check called.

    Empty where a check's passes have no derivative to compare with, such as one about float32.
    """
    try:
        passes = _find_passes(root, answered, forward, running)
        return [ForwardPass(root, one, running.seed).traits() for one in passes]
    except NoGradient:
        return []


def _is_of_value(mismatch: Mismatch) -> bool:
    """Return whether a claim about values failed, and not one about digits, dtypes, shapes or changed arguments."""
    return mismatch.error is not None and bool(mismatch.allowed) and mismatch.error >= DIGITS


def _compare_in_new_worker(context: RunContext, running: RunningCheck, forward: str, deadline: float) -> None:
    """Run a check to see its calls, then compare each backward pass. Raise anything where one is not the gradient."""
    seed = derive(running.seed, "worker")
    worker = context.get_student_worker(running.libraries, seed, fresh=True)
    try:
        root, reference = worker.root(), context.get_reference_worker(running.libraries, seed).root()
        worker.answered, wrong = [], list[Mismatch]()
        with trace_answers(wrong):
            running.body(**renew(running.copy(), student=root, reference=reference))
        answered, worker.answered = worker.answered, None
        called = _find_passes(root, answered, forward, running)
        if not called or not all(map(_is_of_value, wrong)):
            raise NoGradient
        places = {mismatch.place for mismatch in wrong}
        wanted = _find_wanted_traits(context, reference, called, running, deadline)
        for passes, least in zip(called, wanted, strict=True):
            compared, told = (ForwardPass(root, passes, running.seed, deadline) for _ in range(2))
            _compare(compared, None if None in places else {place for place in places if place is not None})
            if set(least) - set(told.traits()):  # a gradient of what is simpler is no work
                raise NoGradient
            for asked in (compared, told):
                _ask_again(context, running, asked)
    finally:
        worker.kill()


def _find_passes(root: Package, answered: Iterable[Answered], forward: str, running: RunningCheck) -> list[Passes]:
    """Return the backward passes that a check called, each with the forward pass that its cache came from."""
    earlier: list[tuple[Call, Sequence[Any]]] = []
    found = []
    for call, answer in answered:
        values = [*call.arguments, *call.keywords.values()]
        if call.asked == forward and isinstance(answer, (tuple, list)):
            earlier.append((call, answer))
        if call.asked in running.judged and len(values) == 2:
            dout, cache = values
            source = next((c for c, parts in reversed(earlier) if any(part is cache for part in parts)), None)
            dout = root.fetch(dout)
            if source is None or not isinstance(dout, np.ndarray):
                raise NoGradient
            arguments: dict[int | str, Any] = {**dict(enumerate(source.arguments)), **source.keywords}
            arguments = {key: root.fetch(value) for key, value in arguments.items()}
            found.append(Passes(forward, call.asked, arguments, dout))
    return found


def _ask_again(context: RunContext, running: RunningCheck, asked: ForwardPass) -> None:
    """Make some of the calls again, each in a worker of its own. Raise NoGradient where an answer is another one.

    Without a history a forward pass cannot know that it is compared. So it cannot be one function for the comparison,
    and another, with more to it, where its kind is told.
    """
    for points, out in SystemRandom().sample(asked.seen, min(COMPARISONS, len(asked.seen))):
        worker = context.get_student_worker(running.libraries, derive(running.seed, "worker"), fresh=True)
        try:
            again = ForwardPass(worker.root(), asked.passes, asked.seed, asked.deadline)(points)
        finally:
            worker.kill()
        if not np.abs(again - out).max(initial=0.0) <= SAME * np.abs(out).max(initial=0.0):
            raise NoGradient


def _compare(function: ForwardPass, places: set[int] | None) -> None:
    """Compare the gradients at these places, all where None, with differences of the forward pass."""
    points, gradients = [*function.passes.points.values()], function.gradients()
    if len(gradients) != len(points):
        raise NoGradient
    rng = make_rng(function.seed, "directions")
    for place in range(len(gradients)) if places is None else sorted(places):
        gradient = _require_array(gradients[place], points[place].shape)
        if not derivative.is_gradient(function, points, place, gradient, function.passes.dout, rng):
            raise NoGradient


def _find_wanted_traits(
    context: RunContext, reference: Package, called: list[Passes], running: RunningCheck, deadline: float
) -> list[list[str]]:
    """Return of what kind the reference's forward pass is on the same arguments, now or as it was recorded."""
    if context.recorded_answers is None:
        return [ForwardPass(reference, passes, running.seed, deadline).traits() for passes in called]
    cassette = context.recorded_answers.cassette(derive(running.seed, "worker"))
    if cassette is None or len(cassette.traits) != len(called):
        raise NoGradient
    return cassette.traits


def _find(root: Package, name: str) -> Proxy:
    """Return a function of a package by its dotted name."""
    return functools.reduce(getattr, name.split("."), root)


def _require_array(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    if not isinstance(value, np.ndarray) or value.dtype != np.float64 or value.shape != shape:
        raise NoGradient
    if not np.isfinite(value).all():
        raise NoGradient
    return value
