"""The few statistics of a comparison: mean with interval, and paired tests corrected for their number."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
FEWEST_PAIRS = 3
DECADE = 10  # values that differ by more than this factor are compared by their logarithms


@dataclass(frozen=True)
class Summary:
    """Values of one setting; spread and interval (Student's t, 95 %) are None for fewer than two."""

    n: int
    mean: float
    deviation: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Paired:
    """A paired t test: its two-sided p, and the mean difference on the scale that was tested."""

    p: float
    gap: float


def import_intervals() -> None:
    """Import what the first interval would wait for."""
    from scipy import special  # noqa: F401


def summary(values: Sequence[float]) -> Summary | None:
    """Return mean, standard deviation (of a sample) and 95 % confidence interval; None without values."""
    if not values:
        return None
    mean = statistics.fmean(values)
    if len(values) < 2:
        return Summary(1, mean, None, None, None)
    from scipy.special import stdtrit

    deviation = statistics.stdev(values)
    half = float(stdtrit(len(values) - 1, (1 + CONFIDENCE) / 2)) * deviation / len(values) ** 0.5
    return Summary(len(values), mean, deviation, mean - half, mean + half)


def paired(one: Mapping[object, float], other: Mapping[object, float]) -> Paired | None:
    """Test whether two settings differ over the keys that both have; None with under three of them.

    Positive values that span over a decade enter by their logarithms: with losses of 0.02 and 1e19 the variance
    of the differences would hide any difference.
    """
    shared = sorted(set(one) & set(other), key=str)
    if len(shared) < FEWEST_PAIRS:
        return None
    first, second = [one[key] for key in shared], [other[key] for key in shared]
    if first == second:
        return Paired(1.0, 0.0)
    values = [*first, *second]
    if min(values) > 0 and max(values) / min(values) > DECADE:
        first, second = [math.log(value) for value in first], [math.log(value) for value in second]
    differences = [a - b for a, b in zip(first, second)]
    return Paired(_two_sided(differences), statistics.fmean(first) - statistics.fmean(second))


def _two_sided(differences: Sequence[float]) -> float:
    """Return the p value of Student's t test that their mean is 0, as scipy.stats.ttest_rel does.

    That takes half a second to be imported and 0.3 ms a call: a report of 1,000 settings has as many.
    """
    from scipy.special import stdtr

    error = statistics.stdev(differences) / len(differences) ** 0.5
    if error == 0:  # differences that are all alike are no accident
        return 0.0
    return 2 * float(stdtr(len(differences) - 1, -abs(statistics.fmean(differences)) / error))


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Correct p values for their number (Holm, 1979); a None is no test and stays what it is."""
    tested = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    largest = 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        corrected[place] = largest
    return corrected
