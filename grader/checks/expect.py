"""Judgements: shape first, then kind, finiteness, value; each failure is a sentence that says how far off and where."""

import contextlib
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np

from ..sandbox.parent.proxy import Proxy

TINY = 1e-300
NOTED: ContextVar[list["Mismatch"] | None] = ContextVar("NOTED", default=None)
UNSAID = "is not what it should be"


class Mismatch(AssertionError):
    """An answer that was judged wrong: `message` in full, `brief` in the constant words of the claim.

    Hidden checks and secret seeds show the brief form, so nothing that an answer could choose stands in it: no value,
    no shape, no dtype, no count. A claim without one says only that it does not hold.
    `earned` are points that it is worth all the same, `notes` what a second look at it came to, `place` which of
    several values alone was judged.
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
        self.message, self.brief, self.error, self.allowed = message, brief or f"the answer {UNSAID}", error, allowed
        self.inputs, self.notes = "", []
        self.place: int | None = None


@contextlib.contextmanager
def values_noted() -> Iterator[list[Mismatch]]:
    """Within it, values that do not match are noted in the list instead of raised; all other claims still raise."""
    noted: list[Mismatch] = []
    token = NOTED.set(noted)
    try:
        yield noted
    finally:
        NOTED.reset(token)


def _raise_or_note(mismatch: Mismatch) -> None:
    noted = NOTED.get()
    if noted is None or mismatch.error is None:
        raise mismatch
    noted.append(mismatch)


def expect(got: Any, names: str, only: str = "") -> "Expectation":
    """Begins a judgement on a value, or on a tuple of them named in one string, `"dx dw db"`; `only` picks one."""
    return Expectation(got, names, only)


class Expectation:
    """A value under judgement; each method raises Mismatch unless its claim holds."""

    def __init__(self, got: Any, names: str, only: str) -> None:
        self._got, self._names, self._only = got, names, only

    def to_match(self, expected: Any, rel: float, scale: float = TINY) -> None:
        """Claims max|got - expected| <= rel * max(max|expected|, scale) over each whole array, in float64."""
        place = self._names.split().index(self._only) if self._only and isinstance(expected, tuple) else None
        for name, got, wanted in self._pairs(expected):
            try:
                _match(name, got, np.asarray(wanted), rel, scale)
            except Mismatch as mismatch:
                mismatch.place = place
                _raise_or_note(mismatch)

    def to_equal(self, expected: Any) -> None:
        """Claims equality, value for value, of numbers, text, booleans or whole arrays."""
        for name, got, wanted in self._pairs(expected):
            if isinstance(wanted, np.ndarray):
                _match(name, got, wanted, 0.0, TINY)
            elif not _equal(got, wanted):
                raise Mismatch(f"{name}: got {_show(got)}, expected {_show(wanted)}", f"{name}: a wrong value")

    def to_have_shape(self, shape: tuple[int, ...]) -> None:
        """Claims an array of this shape."""
        _shape(self._names, _array(self._names, self._got), shape)

    def to_have_dtype(self, dtype: Any) -> None:
        """Claims an array (or number) of exactly this dtype."""
        got = _array(self._names, self._got).dtype
        if got != np.dtype(dtype):
            wanted = np.dtype(dtype)
            raise Mismatch(f"{self._names}: dtype is {got}, expected {wanted}", f"{self._names}: dtype is not {wanted}")

    def to_have_digits_of_float64(self) -> None:
        """Claims float64 numbers that float32 could not all hold, as they are where nothing on the way was rounded."""
        array = _array(self._names, self._got)
        self.to_have_dtype(np.float64)
        if np.array_equal(array, array.astype(np.float32), equal_nan=True):
            sentence = f"{self._names}: float32 could hold every value; is something computed or kept in float32?"
            raise Mismatch(sentence, sentence)

    def to_be_finite(self) -> None:
        """Claims numbers without NaN or infinity."""
        _finite(self._names, _array(self._names, self._got))

    def to_lie_within(self, low: float, high: float) -> None:
        """Claims that every element lies in [low, high]."""
        array = _array(self._names, self._got)
        _finite(self._names, array)
        outside = (array < low) | (array > high)
        if outside.any():
            worst = float(array.flat[int(outside.argmax())])
            sentence = f"{self._names}: got {_number(worst)}, expected {_number(low)} to {_number(high)}"
            raise Mismatch(sentence, f"{self._names}: outside of what it may be")

    def to_be_computed_from(self, *inputs: np.ndarray) -> None:
        """Claims finite numbers that are not all alike, nor a multiple of one of the inputs: something was computed."""
        array = _array(self._names, self._got)
        _finite(self._names, array)
        if array.size < 2 or _multiple_of(array, np.ones(array.shape)):
            sentence = f"{self._names}: every value is the same; is nothing computed yet?"
            raise Mismatch(sentence, sentence)
        if any(_multiple_of(array, np.asarray(given)) for given in inputs):
            sentence = f"{self._names}: is an input handed back; is nothing computed yet?"
            raise Mismatch(sentence, sentence)

    def to_be(self, claim: bool, sentence: str, brief: str = UNSAID) -> None:
        """Claims whatever the check found to be true; the sentence says what was expected instead.

        `brief` takes its place in hidden checks and with secret seeds; it holds nothing that comes from the answer.
        """
        if not claim:
            raise Mismatch(f"{self._names}: {sentence}", f"{self._names}: {brief}")

    def unpack(self) -> tuple[Any, ...]:
        """Claims one value for each name, and returns them."""
        names = self._names.split()
        got = tuple(self._got) if isinstance(self._got, (tuple, list)) else (self._got,)
        if len(got) != len(names):
            wanted = f"{_plural(len(names))} ({', '.join(names)})"
            raise Mismatch(f"returned {_count(self._got)}, expected {wanted}", f"returned other than {wanted}")
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
    place = f", worst at ({', '.join(map(str, worst))})" if ours.ndim else ""
    size = f"{name}: relative error {error:.1e} (allowed {rel:.0e})" if rel else f"{name}: differs"
    hint = _resemblance(theirs, ours, max(rel, 1e-6))
    values = _two_numbers(theirs[worst], ours[worst])
    brief = f"{name}: relative error {_magnitude(error)} (allowed {rel:.0e})" if rel else f"{name}: differs"
    brief += hint if "sign" in hint else "; every value is off by the same factor" * bool(hint)
    raise Mismatch(f"{size}{place}{values}{hint}", brief, error, rel)


def relative_error(got: np.ndarray, wanted: np.ndarray, scale: float = TINY) -> float:
    """max|got - wanted| / max(max|wanted|, scale) of two float64 arrays of one shape; 0 where they are empty."""
    largest = float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0.0))
    return float(_distance(got, wanted).max(initial=0.0) / max(largest, scale))


def _distance(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", over="ignore"):  # infinities and NaN are judged by what comes of them
        return np.where(wanted == got, 0.0, np.abs(got - wanted))


def _magnitude(error: float) -> str:
    """How large an error is, too roughly for an answer to tell an input by it."""
    return f"about 1e{round(math.log10(error)):+03d}" if 0 < error < 10 else "above 10"


def _array(name: str, got: Any) -> np.ndarray:
    if got is None:
        sentence = f"{name}: is None; is a return or an assignment missing?"
        raise Mismatch(sentence, sentence)
    if isinstance(got, (Proxy, str, tuple, list, dict)):
        what = repr(got).strip("<>") if isinstance(got, Proxy) else f"a {type(got).__name__}"
        raise Mismatch(f"{name}: is {what}, expected an array of numbers", f"{name}: is no array of numbers")
    return np.asarray(got)


def _shape(name: str, got: np.ndarray, shape: tuple[int, ...], wanted: np.ndarray | None = None) -> None:
    if got.shape == tuple(shape):
        return
    sentence, brief = f"{name}: shape is {got.shape}, expected {tuple(shape)}", f"{name}: a wrong shape"
    if wanted is not None and got.size == wanted.size and _close(got.reshape(shape), wanted):
        sentence = f"{name}: right values in shape {got.shape}, expected {tuple(shape)}"
        brief = f"{name}: right values in another shape"
    elif wanted is not None and got.T.shape == wanted.shape and _close(got.T, wanted):
        sentence = f"{name}: right values but transposed: shape is {got.shape}, expected {tuple(shape)}"
        brief = f"{name}: right values but transposed"
    raise Mismatch(sentence, brief)


def _kind(name: str, got: np.ndarray, wanted: np.ndarray) -> None:
    if wanted.dtype.kind == "f" and got.dtype.kind != "f":
        sentence = f"{name}: dtype is {got.dtype}, expected floating point"
        raise Mismatch(sentence, f"{name}: dtype is not floating point")


def _finite(name: str, got: np.ndarray, wanted: np.ndarray | None = None) -> None:
    if got.dtype.kind != "f" or (wanted is not None and not np.isfinite(wanted).all()):
        return
    bad = ~np.isfinite(got)
    if bad.any():
        place = ", ".join(str(int(i)) for i in np.unravel_index(int(bad.argmax()), bad.shape))
        what = "NaN" if np.isnan(got).any() else "infinite"
        sentence = f"{name}: {int(bad.sum())} of {got.size} values are {what}"
        raise Mismatch(
            f"{sentence}, first at ({place})" if got.ndim else f"{name}: is {what}", f"{name}: has {what} values"
        )


def _resemblance(got: np.ndarray, wanted: np.ndarray, rel: float) -> str:
    """A hint where the whole answer is a constant multiple of the right one."""
    norm = float((wanted * wanted).sum())
    if wanted.size < 2 or not 0 < norm < np.inf:
        return ""
    factor = float((got * wanted).sum() / norm)
    off = float(np.abs(got - factor * wanted).max())
    if factor == 0.0 or abs(factor - 1) < 1e-3 or off > rel * abs(factor) * np.abs(wanted).max():
        return ""
    return (
        "; the sign is opposite everywhere"
        if abs(factor + 1) < 1e-6
        else f"; every value is {factor:.4g} times the right one"
    )


def _multiple_of(got: np.ndarray, given: np.ndarray) -> bool:
    """Whether an array, in whatever shape, is a constant multiple of another one of its size."""
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


def _show(value: Any) -> str:
    if isinstance(value, Proxy):
        return repr(value)
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return repr(value) if isinstance(value, (str, bool, int, type(None), tuple, list)) else _number(value)


def _number(value: Any) -> str:
    return f"{float(value):.6g}"


def _plural(count: int) -> str:
    return f"{count} values" if count != 1 else "1 value"


def _two_numbers(got: float, wanted: float) -> str:
    """Show two numbers that differ, or say that only their last digits do."""
    if _number(got) == _number(wanted):
        return f": {_number(got)} is right but for its last digits; was something rounded, or computed in float32?"
    return f": got {_number(got)}, expected {_number(wanted)}"


def _count(got: Any) -> str:
    if isinstance(got, (tuple, list)):
        return _plural(len(got))
    return "None" if got is None else ("one array" if isinstance(got, np.ndarray) else f"one {_show(got)}")
