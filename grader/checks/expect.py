"""Judgements: shape first, then kind, finiteness, value; each failure is a sentence that says how far off and where."""

from collections.abc import Collection
from typing import Any

import numpy as np

from ..sandbox.child.server import Way
from ..sandbox.parent.proxy import Change, Proxy
from . import messages, wording
from .bookkeeping import TRACE, note_answer, split_answer
from .messages import Sentence

TINY = 1e-300
SIMPLE_FACTORS = (-1.0, *(f for n in range(2, 11) for f in (n, 1 / n)))


class Mismatch(AssertionError):
    """An answer that was judged wrong: `message` in full, `brief` in the constant words of the claim.

    Hidden checks and secret seeds show the brief form, so nothing that an answer could choose stands in it: no value,
    no shape, no dtype, no count. A claim without one says only that it does not hold.
    `earned` are points that it is worth all the same, `place` which of several values alone was judged.
    """

    def __init__(
        self,
        message: str,
        brief: str = "",
        error: float | None = None,
        allowed: float | None = None,
        earned: int | float = 0,
    ) -> None:
        super().__init__(message)
        self.earned = earned
        self.message, self.brief, self.error, self.allowed = message, brief or messages.WRONG_ANSWER, error, allowed
        self.inputs = ""
        self.place: int | None = None


def expect(got: Any, names: str, only: str = "") -> "Expectation":
    """Begin a judgement on a value, or on a tuple of them named in one string, `"dx dw db"`; `only` picks one."""
    return Expectation(got, names, only)


class Expectation:
    """A value under judgement; each method raises Mismatch unless its claim holds."""

    def __init__(self, got: Any, names: str, only: str) -> None:
        if only and only not in names.split():
            raise ValueError(f"only={only!r} is none of {names}")
        self._got, self._names, self._only = got, names, only

    def to_match(self, expected: Any, rel: float, scale: float = TINY) -> None:
        """Claim max|got - expected| <= rel * max(max|expected|, scale) over each whole array, in float64."""
        place = self._names.split().index(self._only) if self._only and isinstance(expected, tuple) else None
        for name, got, wanted in self._pairs(expected):
            try:
                _match(name, got, np.asarray(wanted), rel, scale)
            except Mismatch as mismatch:
                mismatch.place, trace = place, TRACE.get()
                if trace is None or trace.noted is None or mismatch.error is None:
                    raise self._swapped(name, got, expected, mismatch) from None
                trace.noted.append(mismatch)

    def _swapped(self, name: str, got: Any, expected: Any, mismatch: Mismatch) -> Mismatch:
        """Return the mismatch, or a plainer one where the value is what another of the results should be."""
        several = isinstance(got, np.ndarray) and isinstance(expected, tuple)
        for other, wanted in zip(self._names.split(), expected, strict=True) if several else ():
            if other != name and np.ndim(wanted) and got.shape == np.shape(wanted) and _close(got, wanted):
                return Mismatch(*messages.SWAPPED.fill(name=name, other=other), mismatch.error, mismatch.allowed)
        return mismatch

    def to_equal(self, expected: Any) -> None:
        """Claim equality, value for value, of numbers, text, booleans or whole arrays."""
        for name, got, wanted in self._pairs(expected):
            if isinstance(wanted, np.ndarray):
                _match(name, got, wanted, 0.0, TINY)
                continue
            note_answer(got)
            if not _equal(got, wanted):
                raise Mismatch(*wording.explain_value(name, got, wanted))

    def to_have_shape(self, shape: tuple[int, ...]) -> None:
        """Claim an array of this shape."""
        _shape(self._names, _array(self._names, self._got), shape)

    def to_have_dtype(self, dtype: Any) -> None:
        """Claim an array (or number) of exactly this dtype."""
        got = _array(self._names, self._got).dtype
        if got != np.dtype(dtype):
            raise Mismatch(*messages.WRONG_DTYPE.fill(name=self._names, got=got, wanted=np.dtype(dtype)))

    def to_have_digits_of_float64(self) -> None:
        """Claim float64 numbers that float32 could not all hold, as they are where nothing on the way was rounded."""
        array = _array(self._names, self._got)
        self.to_have_dtype(np.float64)
        if np.array_equal(array, array.astype(np.float32), equal_nan=True):
            raise Mismatch(*messages.FITS_FLOAT32.fill(name=self._names))

    def to_be_finite(self) -> None:
        """Claim numbers without NaN or infinity."""
        _finite(self._names, _array(self._names, self._got))

    def to_lie_within(self, low: float, high: float) -> None:
        """Claim that every element lies in [low, high]."""
        array = _array(self._names, self._got)
        _finite(self._names, array)
        outside = (array < low) | (array > high)
        if outside.any():
            worst = float(array.flat[int(outside.argmax())])
            raise Mismatch(*wording.explain_outside(self._names, worst, low, high))

    def to_be_computed_from(self, *inputs: np.ndarray) -> None:
        """Claim finite numbers that are not all alike, nor a multiple of one of the inputs: something was computed."""
        array = _array(self._names, self._got)
        _finite(self._names, array)
        if array.size < 2 or _multiple_of(array, np.ones(array.shape)):
            raise Mismatch(*(messages.ALL_ALIKE if array.ndim else messages.ONE_NUMBER).fill(name=self._names))
        if any(_multiple_of(array, np.asarray(given)) for given in inputs):
            raise Mismatch(*messages.HANDED_BACK.fill(name=self._names))

    def to_be(self, claim: bool, sentence: str, brief: str = messages.UNSAID) -> None:
        """Claim whatever the check found to be true; the sentence says what was expected instead.

        `brief` takes its place in hidden checks and with secret seeds; it holds nothing that comes from the answer.
        """
        note_answer(self._got)
        if not claim:
            raise Mismatch(*messages.CLAIM.fill(name=self._names, sentence=sentence, brief=brief))

    def unpack(self) -> tuple[Any, ...]:
        """Claim one value for each name, and return them."""
        names = self._names.split()
        single = len(names) == 1 and not isinstance(self._got, tuple)  # a list for one name is an array never made
        got = (self._got,) if single else split_answer(self._got)
        if len(got) != len(names):
            note_answer(self._got)
            raise Mismatch(*wording.explain_count(got, names))
        return got

    def _pairs(self, expected: Any) -> list[tuple[str, Any, Any]]:
        names = self._names.split()
        if not isinstance(expected, tuple):
            return [(self._names, self._got, expected)]
        if len(names) != len(expected):
            raise ValueError(f"{len(names)} names for {len(expected)} expected values")
        return [pair for pair in zip(names, self.unpack(), expected, strict=True) if self._only in ("", pair[0])]


def _match(name: str, got: Any, wanted: np.ndarray, rel: float, scale: float) -> None:
    array = _array(name, got)
    _shape(name, array, wanted.shape, wanted)
    _kind(name, array, wanted)
    _finite(name, array, wanted)
    ours, theirs = wanted.astype(np.float64), array.astype(np.float64)
    error = relative_error(theirs, ours, scale)
    if error <= rel:
        return
    worst = np.unravel_index(int(_distance(theirs, ours).argmax()), ours.shape)
    factor = _common_factor(theirs, ours, max(rel, 1e-6))
    pair = float(theirs[worst]), float(ours[worst])
    raise Mismatch(*wording.explain_inexact(name, error, rel, worst, pair, factor), error, rel)


def relative_error(got: np.ndarray, wanted: np.ndarray, scale: float = TINY) -> float:
    """Return max|got - wanted| / max(max|wanted|, scale) of two float64 arrays of one shape; 0 where they are empty."""
    largest = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
    return float(_distance(got, wanted).max(initial=0.0) / max(largest, scale))


def _distance(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):  # infinities and NaN are judged by what comes of them
        return np.where(wanted == got, 0.0, np.abs(got - wanted))


def _array(name: str, got: Any) -> np.ndarray:
    note_answer(got)
    if got is None:
        raise Mismatch(*messages.IS_NONE.fill(name=name))
    if isinstance(got, (Proxy, str, tuple, list, dict)):
        what = repr(got).strip("<>") if isinstance(got, Proxy) else f"a {type(got).__name__}"
        raise Mismatch(*wording.explain_class(name, what))
    return np.asarray(got)


def _shape(name: str, got: np.ndarray, shape: tuple[int, ...], wanted: np.ndarray | None = None) -> None:
    if got.shape == tuple(shape):
        return
    sentence: Sentence = messages.WRONG_SHAPE
    if wanted is not None and got.size == wanted.size and _close(got.reshape(shape), wanted):
        sentence = messages.OTHER_SHAPE
    elif wanted is not None and got.T.shape == wanted.shape and _close(got.T, wanted):
        sentence = messages.TRANSPOSED
    raise Mismatch(*sentence.fill(name=name, got=got.shape, wanted=tuple(shape)))


def _kind(name: str, got: np.ndarray, wanted: np.ndarray) -> None:
    if wanted.dtype.kind == "f" and got.dtype.kind != "f":
        sentence = messages.INTEGERS if got.dtype.kind in "iu" else messages.WRONG_DTYPE
        raise Mismatch(*sentence.fill(name=name, got=got.dtype, wanted="floating point"))


def _finite(name: str, got: np.ndarray, wanted: np.ndarray | None = None) -> None:
    if got.dtype.kind != "f" or (wanted is not None and not np.isfinite(wanted).all()):
        return
    bad = ~np.isfinite(got)
    if bad.any():
        place = ", ".join(str(int(i)) for i in np.unravel_index(int(bad.argmax()), bad.shape))
        facts = {"name": name, "what": "NaN" if np.isnan(got).any() else "infinite", "place": place}
        sentence = messages.NOT_ALL_FINITE if got.size > 1 else messages.NOT_FINITE
        facts["hint"] = messages.NOT_FINITE_SINCE[facts["what"]]
        raise Mismatch(*sentence.fill(count=int(bad.sum()), size=got.size, **facts))


def _common_factor(got: np.ndarray, wanted: np.ndarray, rel: float) -> float | None:
    """Return the factor by which the whole answer is a constant multiple of the right one, None where it is not.

    Of a single number it is told only where it is a simple one, such as 2 or a third.
    """
    norm = float((wanted * wanted).sum())
    if not wanted.size or not 0 < norm < np.inf:
        return None
    with np.errstate(invalid="ignore", over="ignore"):  # of an answer near the largest float, they are not finite
        factor = float((got * wanted).sum() / norm)
        off = float(np.abs(got - factor * wanted).max())
    if factor == 0.0 or abs(factor - 1) < 1e-3 or not off <= rel * abs(factor) * np.abs(wanted).max() < np.inf:
        return None
    if wanted.size == 1 and not any(abs(factor / simple - 1) < 1e-6 for simple in SIMPLE_FACTORS):
        return None
    return factor


def _multiple_of(got: np.ndarray, given: np.ndarray) -> bool:
    """Return whether an array, in whatever shape, is a constant multiple of another one of its size."""
    if got.size != given.size or not {got.dtype.kind, given.dtype.kind} <= set("fiub") or not given.any():
        return False
    a, b = got.astype(np.float64).reshape(-1), given.astype(np.float64).reshape(-1)
    return bool(np.abs(a * (b @ b) - b * (a @ b)).max() <= 1e-6 * np.abs(a).max() * (b @ b))


def _close(got: np.ndarray, wanted: np.ndarray) -> bool:
    if got.dtype.kind not in "fiub":
        return False
    return bool(np.allclose(got.astype(np.float64), wanted.astype(np.float64), rtol=1e-5, atol=1e-8))


def _equal(got: Any, wanted: Any) -> bool:
    if isinstance(got, (Proxy, np.ndarray)):
        return False
    return bool(got == wanted) and isinstance(got, bool | np.bool_) == isinstance(wanted, bool)


def expect_unchanged_arguments(function: Proxy, but: Collection[int | str] = ()) -> None:
    """Claim that no call of `function` in this check changed an array in its arguments; caches are searched too.

    `but` names what the function may change: positions of arguments, or their names and keys of dicts.
    Raise Mismatch, and ValueError where the check has not called the function.
    """
    worker, label = Proxy.owner(function), Proxy.label(function)
    if label not in worker.callees:
        raise ValueError(f"the check has not called {label}, so nothing is known of its arguments")
    for change in worker.changes:
        if change.call.label == label and not _is_allowed(change.way, but):
            note_answer(None, ending=f"changed {label} {change.way}")
            argument, name = _spell(change, worker.parameters(function)), label.rsplit(".", 1)[-1]
            raise Mismatch(*messages.CHANGES_ARGUMENT.fill(function=name, argument=argument))


def _is_allowed(way: Way, but: Collection[int | str]) -> bool:
    return way[0] in but or any(isinstance(key, str) and key in but for key in way)


def _spell(change: Change, names: list[str]) -> str:
    """Spell the way to an array as Python would: `cache[0]["x"]`."""
    first, *keys = change.way
    if isinstance(first, int):
        first = names[first] if 0 <= first < len(names) else f"number {first + 1}"
    return first + "".join(f"[{key}]" if isinstance(key, int) else f'["{key}"]' for key in keys)
