"""Compare the answers that a check judged with those of known misconceptions, and choose which to name."""

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import NotScored, OutOfTime, SandboxError, Unrecorded, WorkerError, WorkerRaised
from ..recording.cassette import Array
from ..sandbox.parent.proxy import Call
from .bookkeeping import Trace

SAME = 1e-9  # of an answer's length, within which two answers are one
SAME_SINGLE = 1e-6  # of answers in float32
NOTHING = 1e-11  # a length below which there is only rounding
DIGEST_BYTES = 6
SIMPLE = 20  # a number that this many times itself, or fewer, makes a whole number tells nothing
UNTOLD = NotScored, OutOfTime, SandboxError, Unrecorded


@dataclass(frozen=True)
class Evidence:
    """A failed run of a check: digests that a like run has one of, and whether its last answer tells anything.

    The first digest is the one to record.
    """

    digests: tuple[bytes, ...]
    telling: bool

    def agrees(self, digest: bytes) -> bool:
        """Return whether a recorded digest is of a run with the same answers."""
        return digest in self.digests


def find_evidence(trace: Trace, error: BaseException, check: str, call: Call | None) -> list[Evidence]:
    """Return the evidence in a check's trace, what it raised and its last call; none where nothing was judged."""
    if isinstance(error, UNTOLD) or (isinstance(error, WorkerError) and not isinstance(error, WorkerRaised)):
        return []
    if isinstance(error, WorkerRaised):
        trace = Trace(trace.answers, f"raised {error.kind}")
    elif not isinstance(error, AssertionError):
        trace = Trace(trace.answers, f"stumbled {type(error).__name__}")
    inputs = [*call.arguments, *call.keywords.values()] if call is not None else []
    return [Evidence(_digest(trace, check), is_telling(trace, inputs))]


def is_telling(trace: Trace, inputs: Sequence[Any]) -> bool:
    """Return whether the last answer is one that two people would hardly come to in different ways.

    That is so if an argument was changed, or an array of several axes is empty. It is not if the check raised, or the
    answer is not finite, whole numbers, all alike, a simple fraction, or an argument of the call.
    """
    if trace.ending:
        return trace.ending.startswith("changed")
    last = trace.answers[-1] if trace.answers else None
    if not isinstance(last, np.ndarray | np.number | float) or np.asarray(last).dtype.kind != "f":
        return False
    values = np.asarray(last, np.float64).reshape(-1)
    if not values.size:
        return np.ndim(last) > 1
    if not np.isfinite(values).all() or np.abs(values).max() < NOTHING:
        return False
    if values.min() == values.max():
        value, numbers = float(values[0]), range(1, SIMPLE + 1)
        return values.size == 1 and not any(abs(value * n - round(value * n)) < SAME * n for n in numbers)
    return not (np.array_equal(values, np.round(values)) or any(_is_same(values, given) for given in inputs))


def _is_same(values: Array, given: Any) -> bool:
    if not isinstance(given, np.ndarray) or given.size != values.size or given.dtype.kind not in "fiub":
        return False
    return bool(np.abs(given.reshape(-1) - values).max() <= SAME * np.abs(values).max())


def _digest(trace: Trace, check: str) -> tuple[bytes, ...]:
    """Return the digests of a trace for the two nearest steps of its one number; a like trace has one of them first.

    That number is a sum over all answers: the logarithm of a random projection of each, with a random weight. It
    differs where one of them does by more than `SAME` of its length.
    """
    words, total, single = [trace.ending], 0.0, False
    for place, leaf in enumerate(_flatten(trace.answers)):
        word, number, coarse = _measure(leaf, f"{check}/{place}")
        words.append(word)
        total += number
        single |= coarse
    steps = total / (SAME_SINGLE if single else SAME)
    nearest = round(steps)
    other = nearest + 1 if steps > nearest else nearest - 1
    text = "/".join([check, *words])
    return tuple(_hash(f"{number}/{text}", DIGEST_BYTES) for number in (nearest, other))


def _hash(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


def _flatten(answer: Any) -> Iterator[Any]:
    """Yield what an answer holds, each tuple and list behind its length."""
    if not isinstance(answer, tuple | list):
        yield answer
        return
    yield f"{len(answer)} of"
    for part in answer:
        yield from _flatten(part)


def _measure(answer: Any, name: str) -> tuple[str, float, bool]:
    """Return an answer's kind and shape in a word, its number, and whether that has the digits of float32 only."""
    if answer is None or isinstance(answer, str | bool | int):
        return repr(answer), 0.0, False
    array = np.asarray(answer) if isinstance(answer, np.ndarray | np.generic | float) else None
    if array is None or array.dtype.kind not in "fiub":
        return type(answer).__name__, 0.0, False
    values = array.astype(np.float64).reshape(-1)
    finite = np.isfinite(values)
    values = np.where(finite, values, 0.0)
    word = f"{array.dtype.kind.replace('u', 'i')}{array.shape}{int((~finite).sum())}"
    largest = float(np.abs(values).max(initial=0.0))
    values = values / (largest or 1.0)  # or the sums below may be infinite
    if largest * math.sqrt(values @ values) < NOTHING:
        return f"{word}0", 0.0, False
    draws = np.random.RandomState(int.from_bytes(_hash(name, 4), "little"))
    weight, projection = draws.uniform(1, 2), float(draws.standard_normal(values.size) @ values)
    number = weight * (math.log(largest) + math.log(abs(projection))) if projection else 0.0
    return f"{word}{'-' if projection < 0 else '+'}", number, array.dtype.kind == "f" and array.dtype.itemsize < 8


@dataclass(frozen=True)
class Candidate:
    """A variant of a misconception: the function it is about, the public checks that it fails, and a `digest` of each.

    Asking for a digest may run the variant.
    """

    misconception: str
    function: str
    checks: Collection[str]
    digest: Callable[[str], bytes]


@dataclass(frozen=True)
class Match:
    """A candidate that nothing contradicts: the failed checks that it explains, and those of them that tell it."""

    candidate: Candidate
    checks: frozenset[str]
    telling: frozenset[str]


def choose_misconceptions(
    candidates: Iterable[Candidate],
    passed: Collection[str],
    failed: Mapping[str, Sequence[Evidence]],
    functions: Mapping[str, Collection[str]],
    forward_of: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """Return which misconception to name at which check, at most one a function, where it was found first.

    `failed` has the evidence in each check whose answers were judged wrong, in their order, `functions` what each
    check judges, `forward_of` the forward pass of each backward pass. A candidate is out that a check of its function
    contradicts, or that explains only some of what another explains. People make two slips at once, so further failures
    contradict nothing, except other cases of the same check that nothing explains.
    """
    matches = [match for one in candidates if (match := _match(one, passed, failed, functions))]
    best = [one for one in matches if one.telling and not any(one.checks < other.checks for other in matches)]
    return _name_first(matches, best, failed, functions, forward_of)


def _name_first(
    matches: Sequence[Match],
    best: Sequence[Match],
    failed: Collection[str],
    functions: Mapping[str, Collection[str]],
    forward_of: Mapping[str, str],
) -> dict[str, str]:
    """Return the misconception to name at a check, by the `best` matches, where nothing else is unknown about it.

    Where the forward pass of its layer is wrong too, a match has to explain all that failed of its function. It need
    not where the check passes with what the forward pass is named for.
    """
    explained = {check for one in matches for check in one.checks}
    judged = {name for names in functions.values() for name in names}
    wrong = {name: {check for check in failed if name in functions.get(check, ())} for name in judged}
    unknown = {(name, _name_claim(check)) for name, checks in wrong.items() for check in checks - explained}
    named: dict[str, str] = {}
    told: dict[str, set[str]] = {}
    for check in failed:
        here = [one for one in best if check in one.telling]
        function = here[0].candidate.function if here else ""
        if len({one.candidate.misconception for one in here}) != 1 or function in told:
            continue
        if any((function, _name_claim(other)) in unknown for one in here for other in one.checks):
            continue
        own, forward = wrong.get(function, set()), forward_of.get(function, "")
        knows_all = all(own <= one.checks for one in here) or (forward in told and check not in told[forward])
        if wrong.get(forward, own) <= own or knows_all:
            named[check] = here[0].candidate.misconception
            told[function] = {other for one in here for other in one.candidate.checks}
    return named


def _name_claim(check: str) -> str:
    """Return what the cases of a check have in common."""
    return check.partition("[")[0]


def _list_own(candidate: Candidate, functions: Mapping[str, Collection[str]]) -> set[str]:
    """Return the checks that a candidate fails and that judge its function; all where none does."""
    listed = set(candidate.checks)
    return {check for check in listed if candidate.function in functions.get(check, ())} or listed


def _match(
    candidate: Candidate,
    passed: Collection[str],
    failed: Mapping[str, Sequence[Evidence]],
    functions: Mapping[str, Collection[str]],
) -> Match | None:
    """Return what a candidate explains; None where a check of its function contradicts it."""
    own = _list_own(candidate, functions)
    if not own.isdisjoint(passed):
        return None
    agreeing: dict[str, list[Evidence]] = {}
    for check in sorted((check for check in failed if check in candidate.checks), key=lambda check: check not in own):
        digest = candidate.digest(check)
        agreeing[check] = [one for one in failed[check] if one.agrees(digest)]
        if check in own and not agreeing[check]:
            return None
    checks = frozenset(check for check, found in agreeing.items() if found)
    telling = frozenset(check for check in checks & own if any(one.telling for one in agreeing[check]))
    return Match(candidate, checks, telling)
