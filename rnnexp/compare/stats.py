"""The few statistics of a comparison: mean with interval, and paired tests corrected for their number."""

from __future__ import annotations

import statistics
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
FEWEST_PAIRS = 3


@dataclass(frozen=True)
class Summary:
    """Values of one setting; spread and interval (Student's t, 95 %) are None for fewer than two."""

    n: int
    mean: float
    deviation: float | None
    low: float | None
    high: float | None


def summary(values: Sequence[float]) -> Summary | None:
    """Return mean, standard deviation (of a sample) and 95 % confidence interval; None without values."""
    if not values:
        return None
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Summary(1, mean, None, None, None)
    from scipy.stats import t

    deviation = statistics.stdev(values)
    half = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * deviation / len(values) ** 0.5
    return Summary(len(values), mean, deviation, mean - half, mean + half)


def paired_p(one: Mapping[object, float], other: Mapping[object, float]) -> float | None:
    """Return the two-sided p of a paired t test over the keys that both have; None with under three of them."""
    shared = sorted(set(one) & set(other), key=str)
    if len(shared) < FEWEST_PAIRS:
        return None
    first, second = [one[key] for key in shared], [other[key] for key in shared]
    if first == second:
        return 1.0
    from scipy.stats import ttest_rel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # differences that are all alike: p is 0, and rightly so
        return float(ttest_rel(first, second).pvalue)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Correct p values for their number (Holm, 1979); a None is no test and stays what it is."""
    tested = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        corrected[place] = largest
    return corrected
