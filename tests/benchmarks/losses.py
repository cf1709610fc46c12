"""Whether two contestants reached the same loss: a speed that is paid with quality is no speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance

from scipy.stats import t

CONFIDENCE = 0.95


def likely_difference(*samples: Sequence[float]) -> float:
    """Return what two runs that differ only in their seed differ by, at most, in 95 of 100 pairs; nan if unknown."""
    several = [sample for sample in samples if len(sample) > 1]
    freedom = sum(len(sample) - 1 for sample in several)
    if not freedom:
        return math.nan
    pooled = sum((len(sample) - 1) * variance(sample) for sample in several) / freedom
    return float(t.ppf((1 + CONFIDENCE) / 2, freedom) * math.sqrt(2 * pooled))


def verdict(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """Say whether the mean losses are equal within the spread over seeds; lower is better."""
    ours, theirs = sorted(set(ours)), sorted(set(theirs))  # the same seed again adds no knowledge
    if not ours or not theirs:
        return "not compared"
    if ours == theirs:
        return "equal"  # to the last digit
    limit = likely_difference(ours, theirs)
    if not (math.isfinite(limit) and all(map(math.isfinite, [*ours, *theirs]))):
        return "**unknown**"
    difference = fmean(ours) - fmean(theirs)
    if abs(difference) <= limit:
        return "equal"
    return "ours lower" if difference < 0 else "**OURS HIGHER**"
