"""Describe the checks of a class by numbers: how hard they are, how well they tell students apart, how sure that is."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..limits import BOOTSTRAP_SAMPLES
from ..results.record import Outcome
from .view import KnownCheck, StoredSubmission, StoreView

OUTCOMES = list(Outcome)
WEAK = 0.1  # a discrimination below it says next to nothing about a student
FEW = 10  # students below which nothing is estimated: it would be chance

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreTable:
    """The results of a class: submissions × checks, in their order.

    `points` is NaN where a check has no score, since the grader made an error or did not run it; `outcomes` are places
    in OUTCOMES, -1 where there is none.
    """

    submissions: list[StoredSubmission]
    checks: list[KnownCheck]
    points: Floats
    outcomes: NDArray[np.int8]
    seconds: NDArray[np.float32]


@dataclass(frozen=True)
class Item:
    """A check, or all checks of a question: the `share` earned of the points that were judged, and its discrimination.

    Discrimination is the correlation of its points with those of all other checks: for a check that is passed or not,
    the corrected point-biserial correlation. Where all of its points are held, or it has none, it has no share.
    """

    share: float | None
    discrimination: float | None
    counts: dict[Outcome, int]
    seconds: float = 0.0

    @property
    def is_reversed(self) -> bool:
        """Return whether strong students earn less, and more clearly so than by chance: below two standard errors."""
        return self.discrimination is not None and self.discrimination < -2 / math.sqrt(sum(self.counts.values()))

    @property
    def is_flat(self) -> bool:
        """Return whether everybody earned the same, so that it separates nobody."""
        return self.discrimination is None and self.share is not None

    @property
    def is_weak(self) -> bool:
        """Return whether students who do well elsewhere do hardly better here, or worse."""
        return self.discrimination is not None and self.discrimination < WEAK


@dataclass(frozen=True)
class Reliability:
    """Cronbach's alpha over all checks, with the bounds of its 95 % bootstrap interval over students."""

    alpha: float
    low: float
    high: float


def read_table(store: StoreView) -> ScoreTable:
    """Read all results of submissions that were judged."""
    checks, graded = store.checks(), [one for one in store.submissions() if one.state.counts]
    rows, columns = {one.id: i for i, one in enumerate(graded)}, {check.number: i for i, check in enumerate(checks)}
    codes = {outcome.value: i for i, outcome in enumerate(OUTCOMES)}
    shape = len(graded), len(checks)
    points, seconds = np.full(shape, np.nan), np.zeros(shape, np.float32)
    outcomes = np.full(shape, -1, np.int8)
    unscored = codes[Outcome.GRADER_ERROR], codes[Outcome.NOT_SCORED]
    for submission, check, outcome, score, took in store.cells():
        place, code = (rows[submission], columns[check]), codes[outcome]
        outcomes[place], seconds[place] = code, took
        if code not in unscored:
            points[place] = score
    return ScoreTable(graded, checks, points, outcomes, seconds)


def select_judged(table: ScoreTable) -> NDArray[np.bool_]:
    """Return which submissions have results; a refused one has none, and says nothing about a check."""
    return np.asarray((table.outcomes >= 0).any(axis=1), bool)


def describe_checks(table: ScoreTable) -> list[Item]:
    """Return the numbers of each check."""
    return _describe(table, np.arange(len(table.checks)))


def describe_groups(table: ScoreTable, names: Sequence[str]) -> dict[str, Item]:
    """Return the numbers of each group of checks, by name: `names` has one for each check, as that of its question."""
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return dict(zip(known, _describe(table, np.array([known[name] for name in names], int)), strict=True))


def _describe(table: ScoreTable, group: NDArray[np.int_]) -> list[Item]:
    """Return the numbers of each group of checks; `group` has a number for each check.

    A student's measure is the share earned of the points that were judged, so those held move nobody.
    """
    judged = select_judged(table)
    points, outcomes, seconds = table.points[judged], table.outcomes[judged], table.seconds[judged]
    worth = np.where(np.isnan(points), 0, np.array([float(check.points) for check in table.checks]))
    points = np.nan_to_num(points)
    total, possible = points.sum(axis=1), worth.sum(axis=1)
    found = []
    for number in range(int(group.max(initial=-1)) + 1):
        own = group == number
        earned, known = points[:, own].sum(axis=1), worth[:, own].sum(axis=1)
        share = float(earned.sum() / known.sum()) if known.any() else None
        discrimination = _relate(earned, known, total - earned, possible - known)
        codes = Counter(outcomes[:, own].ravel().tolist())
        counts = {outcome: codes[i] for i, outcome in enumerate(OUTCOMES) if codes[i]}
        typical = float(np.median(seconds[:, own].sum(axis=1))) if len(seconds) else 0.0
        found.append(Item(share, discrimination, counts, typical))
    return found


def _relate(own: Floats, known: Floats, rest: Floats, possible: Floats) -> float | None:
    """Return the correlation of two shares, of those who have both; None without variance, and of a few."""
    both = (known > 0) & (possible > 0)
    own, rest = own[both] / known[both], rest[both] / possible[both]
    if len(own) < FEW or np.ptp(own) == 0 or np.ptp(rest) < 1e-12:
        return None
    return float(np.corrcoef(own, rest)[0, 1])


def estimate_reliability(points: Floats, seed: int = 0) -> Reliability | None:
    """Return alpha with its interval, of students with no points held and checks with a score; None where undefined."""
    points = points[:, ~np.isnan(points).all(axis=0)]
    points = points[~np.isnan(points).any(axis=1)]
    count, checks = points.shape
    if count < FEW or checks < 2 or not np.ptp(points.sum(axis=1)):
        return None
    values = np.column_stack([points, points.sum(axis=1)])
    values = values - values.mean(axis=0)  # for the digits of the variances
    resampled = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), BOOTSTRAP_SAMPLES)
    whole, *alphas = _find_alpha(np.vstack([np.ones(count), resampled]), values)
    low, high = np.nanquantile(alphas, [0.025, 0.975])
    return Reliability(float(whole), float(low), float(high))


def _find_alpha(weights: Floats, values: Floats) -> Floats:
    """Return alphas by row of weights: k / (k - 1) (1 - Σ var(item) / var(total)); the last column is that total."""
    count, checks = values.shape[0], values.shape[1] - 1
    variances = weights @ values**2 / count - (weights @ values / count) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        alphas: Floats = checks / (checks - 1) * (1 - variances[:, :-1].sum(axis=1) / variances[:, -1])
    return np.where(np.isfinite(alphas), alphas, np.nan)


def count_scores(scores: Sequence[float], most: float, bins: int) -> list[int]:
    """Return how many scores fall into each of equal bins from 0 to the most; the last one holds its upper end."""
    counts, _ = np.histogram(np.clip(scores, 0, most), bins=bins, range=(0, most or 1))
    return [int(count) for count in counts]
