"""Derivatives of functions that can only be called: do gradients agree with them, and of what kind is the function?"""

import math
from collections.abc import Callable, Sequence

import numpy as np

Function = Callable[[Sequence[np.ndarray]], np.ndarray]

STEPS = (1e-4, 1e-5, 1e-6, 1e-7)  # in units of the point's own size; smaller ones where a kink lies near
DIRECTIONS = 3
CLOSE = 1e-6
AGREED = 1e-7  # of two steps, relative to the gradient
DOUBTFUL = 1e-4  # two steps that disagree by more show no derivative: noise, float32, or kinks everywhere
ROUNDING = 1e-9  # relative to the terms of the sum that is differentiated
TOLD = 1e-2  # of the steepest slope; a tolerance above that tells no gradient from another
RISE = 1e-5  # the step by which a kind is told, less sharply


@np.errstate(all="ignore")  # what overflows agrees with nothing
def is_gradient(
    function: Function,
    points: Sequence[np.ndarray],
    place: int,
    gradient: np.ndarray,
    dout: np.ndarray,
    rng: np.random.RandomState,
) -> bool:
    """Return whether `gradient` is that of sum(function(points) * dout) with respect to `points[place]`.

    It is compared along random directions, where no error can hide but by chance. It is none where the function has no
    derivative there that two steps agree about, or none that the tolerance could tell from 0, as where a large constant
    takes the digits. How far the steps disagree widens the tolerance.
    """
    scale = _measure_size(points[place])
    terms = float(np.abs(function(points) * dout).sum())
    expected = scale * float(np.sqrt(np.square(gradient).sum()))
    steepest, widest = expected, 0.0
    for _ in range(DIRECTIONS):
        direction = scale * rng.standard_normal(points[place].shape)
        slope, doubt = _measure_slope(function, points, place, direction, dout, AGREED * expected)
        if not doubt <= DOUBTFUL * expected + ROUNDING * terms:
            return False
        tolerance = CLOSE * expected + 10 * doubt + ROUNDING * terms
        if not abs(float((gradient * direction).sum()) - slope) <= tolerance:
            return False
        steepest, widest = max(steepest, abs(slope)), max(widest, tolerance)
    return widest <= TOLD * steepest


@np.errstate(all="ignore")
def find_traits(function: Function, points: Sequence[np.ndarray], rng: np.random.RandomState) -> set[str]:
    """Return of what kind a function is in each argument, by place: what serious attempts have in common.

    Its derivative tells, since a function that jumps has that of a simpler one. It `depends` on an argument where its
    derivative is not 0, and `bends` where that is another one elsewhere. It `mixes` where one entry of the argument
    reaches several of out's. It `differs` from the argument unless out is that itself, scaled and shifted.
    """
    found, base = set(), function(points)
    for place, point in enumerate(points):
        size = _measure_size(point)
        direction, way = (size * rng.standard_normal(point.shape) for _ in range(2))
        one = np.zeros(point.shape)
        one.flat[rng.randint(point.size)] = size
        here = _measure_rise(function, points, place, direction)
        elsewhere = _measure_rise(function, _move(points, place, way), place, direction)
        reached, top = np.abs(_measure_rise(function, points, place, one)), _find_top(here)
        facts = {
            "depends": top > 1e-8 * _find_top(base),
            "bends": _find_top(elsewhere - here) > 1e-4 * max(top, _find_top(elsewhere)),
            "mixes": np.count_nonzero(reached > 1e-6 * max(_find_top(reached), 1e-6 * top)) > 1,
            "differs": not _is_alike(base, point),
        }
        found |= {f"{place} {name}" for name, holds in facts.items() if holds}
    return found


def _measure_rise(
    function: Function, points: Sequence[np.ndarray], place: int, direction: np.ndarray, step: float = RISE
) -> np.ndarray:
    """Return how fast each value of a function rises along a direction of one of its arguments."""
    high, low = (function(_move(points, place, sign * step * direction)) for sign in (1, -1))
    return (high - low) / (2 * step)


def _find_top(array: np.ndarray) -> float:
    return float(np.abs(array).max(initial=0.0))


def _measure_slope(
    function: Function, points: Sequence[np.ndarray], place: int, direction: np.ndarray, dout: np.ndarray, enough: float
) -> tuple[float, float]:
    """Return the derivative along a direction by the two steps that agree best, and how far they disagree."""
    best, last = (math.nan, math.inf), math.nan
    for step in STEPS:
        slope = float((_measure_rise(function, points, place, direction, step) * dout).sum())
        if abs(slope - last) < best[1]:
            best = slope, abs(slope - last)
        if best[1] <= enough:
            break
        last = slope
    return best


def _move(points: Sequence[np.ndarray], place: int, step: np.ndarray) -> list[np.ndarray]:
    return [point + step if number == place else point for number, point in enumerate(points)]


def _measure_size(point: np.ndarray) -> float:
    return float(np.sqrt(np.square(point).mean())) if point.any() else 1.0


def _is_alike(out: np.ndarray, point: np.ndarray) -> bool:
    """Return whether out is a point's entries, all scaled and shifted alike."""
    if out.size != point.size or out.size < 3:
        return False
    scaled = [array.reshape(-1) / (_find_top(array) or 1.0) for array in (out, point)]
    return abs(float(np.asarray(np.corrcoef(scaled))[0, 1])) > 1 - 1e-9
