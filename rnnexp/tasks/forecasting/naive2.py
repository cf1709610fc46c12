"""Naive2 and OWA, by which the M4 competition judged its forecasts, as in the organizers' R code.

Source: Makridakis, Spiliotis and Assimakopoulos, The M4 competition, 2020, section 2.5 and appendix A; the code is
"Benchmarks and Evaluation.R" of https://github.com/Mcompetitions/M4-methods.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnexp.tasks.forecasting.baselines import Task

CRITICAL = 1.645  # of a normal variable: a test of 90 %
FEWEST_SEASONS = 3


def applies(firsts: np.ndarray) -> bool:
    """Say whether forecasts are as in M4, several series and one forecast of each, by the first row of each series."""
    return 1 < len(firsts) == len(np.unique(firsts))


def naive2(task: Task) -> np.ndarray:
    """Repeat the last value, adjusted for a season where the values up to it have one."""
    return np.stack([_one(task, first, last) for first, last in zip(task.firsts, task.origins)])


def _one(task: Task, first: int, last: int) -> np.ndarray:
    known, season = task.values[first : last + 1], task.season or 1
    found = np.repeat(known[-1:], task.horizon, axis=0)
    for column, values in enumerate(known.T):
        if seasonal(values, season):
            pattern = _pattern(values, season, task.horizon)
            found[:, column] *= pattern if np.isfinite(pattern).all() else 1
    return found


def find_doubtful(task: Task) -> np.ndarray:
    """Say of each forecast whether a season was taken out of values that are not all above 0, (n,)."""
    season, parts = task.season or 1, zip(task.firsts, task.origins)
    known = (task.values[first : last + 1].T for first, last in parts)
    return np.array([any(np.any(one <= 0) and seasonal(one, season) for one in columns) for columns in known])


def seasonal(values: np.ndarray, season: int) -> bool:
    """Test at 90 % whether values one season apart are correlated, by Bartlett's formula."""
    if season < 2 or len(values) < FEWEST_SEASONS * season or np.ptp(values) == 0:
        return False
    centered = values - values.mean()
    lagged = [centered[lag:] @ centered[:-lag] for lag in range(1, season + 1)]
    correlations = np.array(lagged) / (centered @ centered)
    limit = CRITICAL * np.sqrt((1 + 2 * np.sum(correlations[:-1] ** 2)) / len(values))
    return bool(abs(correlations[-1]) > limit)


def _pattern(values: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Return the seasonal factors of the next values over that of the last one, (horizon,).

    As there, nothing is asked of the signs: where ratios divide by 0, the factors are not finite.
    """
    rows = np.arange(len(values) - 1, len(values) + horizon) % season
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factors = fit_season(values, season)
        return np.asarray(factors[rows[1:]] / factors[rows[0]])


def fit_season(values: np.ndarray, season: int, factors: bool = True) -> np.ndarray:
    """Decompose classically: the mean ratio to a centered moving average, or distance, per place in the season."""
    weights = np.ones(season) if season % 2 else np.array([0.5, *np.ones(season - 1), 0.5])
    half = len(weights) // 2
    trend = np.convolve(values, weights / season, mode="valid")
    inner = values[half : len(values) - half]
    ratio = inner / trend if factors else inner - trend
    place = np.arange(half, len(values) - half) % season
    kept = ~np.isnan(ratio)  # 0 / 0 is left out, as by R's `na.rm`
    ratios = (ratio[kept & (place == at)] for at in range(season))
    means = np.array([own.sum() / np.float64(len(own)) for own in ratios])
    return np.asarray(means / means.mean() if factors else means - means.mean())


def owa(scores: Mapping[str, float], naive: Mapping[str, float]) -> float | None:
    """Return the mean of sMAPE and MASE, each over that of Naive2; None where one of them is 0 there."""
    if not all(naive.values()):
        return None
    return sum(scores[name] / naive[name] for name in naive) / len(naive)
