"""The season of series without dates, from how far apart values go together; none is found in noise.

A series is differenced while that lowers its spread, so that neither a trend nor a random walk is left, and replaced by
its ranks, so that no outlier makes a season. A lag is one if its autocorrelation is significant among all lags tried
(Bonferroni), so is that of twice the lag, and no shorter lag has a higher one. What does not pass all of it has none,
nor has what is faint: a slow wave of many rows, of which differences leave little, may have none though it is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

FEWEST_ROWS, FEWEST_SEASONS, SHORTEST = 12, 3, 3
CHANCE = 1e-4  # that noise is taken for a season at a lag, over all lags
AGAIN = 2.0  # standard errors by which twice the lag must be above 0, too
ROUNDING = 0.02  # correlations that are as good as the same, as those of a season and of two
FAINT = 0.1  # correlation that says nothing, however sure it is of many rows: multiples and beats have as much
MOST_SERIES = 1000  # that are looked at, spread over all


def season_among(series: Sequence[np.ndarray]) -> int | None:
    """Return the season in rows that more than half of the columns of series (rows, columns) have, None without one."""
    chosen = series[:: -(-len(series) // MOST_SERIES)]
    columns = [column for table in chosen for column in np.asarray(table, np.float64).T]
    found = Counter(map(season_of, columns))
    season, count = found.most_common(1)[0] if found else (None, 0)
    return season if 2 * count > len(columns) else None


def season_of(values: np.ndarray) -> int | None:
    """Return the season of one series (rows,), None where it has none or too few rows to tell."""
    rest = _without_trend(values)
    rows = len(rest)
    most = rows // FEWEST_SEASONS
    if rows < FEWEST_ROWS or most < SHORTEST or np.ptp(rest) == 0:
        return None
    biased = _autocorrelation(_ranks(rest), 2 * most + 1)
    unbiased = biased * rows / (rows - np.arange(len(biased)))
    lags = np.arange(SHORTEST, most + 1)
    error, limit = 1 / np.sqrt(rows), NormalDist().inv_cdf(1 - CHANCE / len(lags)) / np.sqrt(rows)
    at = biased[lags]
    lowest, highest = np.minimum.accumulate(biased[1:])[lags - 2], np.maximum.accumulate(unbiased[1:])[lags - 2]
    passed = (at > biased[lags - 1]) & (at >= biased[lags + 1]) & (at > limit) & (at - lowest > limit)
    passed &= (biased[2 * lags] > AGAIN * error) & (unbiased[lags] >= highest - error / 2)
    if not passed.any():
        return None
    shares = np.array([_over_multiples(lag, unbiased, rows) for lag in lags[passed]])
    if shares.max() < FAINT:
        return None
    best = shares.max() - ROUNDING - error * (1 - shares.max())
    shortest = int(lags[passed][shares >= best][0])  # twice a season is none
    reach = max(1, shortest // 8)  # a peak may be flat, but many seasons later its neighbors have drifted away
    near = range(max(SHORTEST, shortest - reach), shortest + reach + 1)
    return max(near, key=lambda lag: _over_multiples(lag, unbiased, rows))


def _without_trend(values: np.ndarray) -> np.ndarray:
    """Difference a series while that lowers its spread, at most twice; what grows by shares by its logarithm."""
    rest = np.log(values) if np.all(values > 0) else values - values.mean()
    for _ in range(2):
        steps = np.diff(rest)
        if len(steps) < FEWEST_ROWS or steps.std() >= rest.std():
            break
        rest = steps
    return np.asarray(rest)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of each value, of equal ones the mean."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def _autocorrelation(values: np.ndarray, most: int) -> np.ndarray:
    """Return the autocorrelations at lags 0 to `most`, (most + 1,)."""
    spectrum = np.fft.rfft(values - values.mean(), 2 * len(values))
    sums = np.fft.irfft(np.abs(spectrum) ** 2)[: most + 1]
    return np.asarray(sums / sums[0])


def _over_multiples(lag: int, correlations: np.ndarray, rows: int) -> float:
    """Return the mean correlation at a lag and its multiples, each weighed by the pairs that it is of."""
    multiples = np.arange(lag, len(correlations), lag)
    return float(np.average(correlations[multiples], weights=rows - multiples))
