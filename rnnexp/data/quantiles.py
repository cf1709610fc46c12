"""Several quantiles of each number: how they stand in what a network gives, what they are called and how they score.

A network gives those of a target side by side, (..., targets * quantiles), in rising order: they are sorted at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

MEDIAN = 0.5  # is always among them: the forecast that every other score is of


def find_flaw(levels: Sequence[float]) -> str:
    """Say why these cannot be the quantiles that a network gives; "" if they can."""
    inside = all(0 < level < 1 for level in levels)
    if not inside or len(levels) < 2 or any(one >= other for one, other in pairwise(levels)):
        return "give two or more shares between 0 and 1 that rise, such as [0.1,0.5,0.9]"
    return "" if MEDIAN in levels else f"{MEDIAN} must be among them: the median is the forecast"


def split_quantiles(outputs: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return outputs (..., targets * quantiles) of a network as (..., targets, quantiles)."""
    return outputs.reshape(*outputs.shape[:-1], -1, len(levels))


def list_quantiles(outputs: np.ndarray, levels: Sequence[float]) -> list[np.ndarray]:
    """Return each quantile among outputs, (..., targets); none where the network gives no quantiles."""
    return [split_quantiles(outputs, levels)[..., place] for place in range(len(levels))]


def take_median(outputs: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Return the forecasts (..., targets) among outputs of a network, all of them where it gives no quantiles."""
    return list_quantiles(outputs, levels)[levels.index(MEDIAN)] if levels else outputs


def name_level(level: float) -> str:
    """Return what a column of a quantile is called after its target: q10, q97.5."""
    return f"q{100 * level:.10g}"


def name_others(levels: Sequence[float]) -> dict[str, int]:
    """Map the names of all quantiles but the median to their places."""
    return {name_level(level): place for place, level in enumerate(levels) if level != MEDIAN}


def score_pinball(
    actual: np.ndarray, values: np.ndarray, levels: Sequence[float], weight: np.ndarray | None = None
) -> np.ndarray:
    """Return the mean pinball loss of each quantile, (quantiles,), of values (n, ..., quantiles) beside the truth.

    Source: Koenker and Bassett, Regression quantiles, 1978, eq. 3.1 over the number of values; times 2 it is the
    absolute error where the quantile is the median.
    """
    import numpy as np

    share = np.asarray(levels)
    error = actual[..., None] - values
    loss = np.maximum(share * error, (share - 1) * error)
    return np.average(loss.reshape(len(loss), -1, len(share)).mean(axis=1), axis=0, weights=weight)
