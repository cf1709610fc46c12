"""Forecasts that need no network (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, section 5.2).

All take the history (rows, targets) in original units, the row of the last observed value of each forecast, and the
first row of the series it lies in; all return (n, horizon, targets). What is not defined raises `Undefined`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


class Undefined(Exception):
    """Says why a baseline is left out."""


@dataclass(frozen=True)
class Task:
    """What is to be forecast.

    values: (rows, targets);  origins: (n,) last observed rows;  firsts: (n,) first row of the series of each origin
    """

    values: np.ndarray
    origins: np.ndarray
    firsts: np.ndarray
    horizon: int
    season: int | None = None

    def ahead(self) -> np.ndarray:
        """Return 1, 2, ..., horizon."""
        return np.arange(1, self.horizon + 1)


def persistence(task: Task) -> np.ndarray:
    """Repeat the last observed value."""
    return np.repeat(task.values[task.origins][:, None], task.horizon, axis=1)


def drift(task: Task) -> np.ndarray:
    """Go on with the mean slope from the start of the series to the last observed value."""
    elapsed = np.maximum(task.origins - task.firsts, 1)[:, None]
    slope = (task.values[task.origins] - task.values[task.firsts]) / elapsed
    return task.values[task.origins][:, None] + task.ahead()[None, :, None] * slope[:, None]


def seasonal_naive(task: Task) -> np.ndarray:
    """Repeat the value of one season before."""
    rows, _ = _season_before(task)
    return task.values[rows]


def seasonal_growth(task: Task) -> np.ndarray:
    """Repeat the last season, grown as the last value has grown over a year: x[t-12] * x[t-1] / x[t-13]."""
    rows, seasons = _season_before(task)
    before = task.origins - (task.season or 0)
    if np.any(before < task.firsts):
        raise Undefined("a forecast has less than one season and one row before it")
    now, then = task.values[task.origins], task.values[before]
    if np.any(then <= 0) or np.any(now <= 0):
        raise Undefined("values are not all above 0")
    growth = (now / then)[:, None] ** seasons[None, :, None]
    return task.values[rows] * growth


def _season_before(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows (n, horizon) that lie whole seasons before the targets, and how many seasons (horizon,)."""
    if task.season is None:
        raise Undefined("no season is given or can be inferred")
    seasons = -(-task.ahead() // task.season)
    rows = task.origins[:, None] + (task.ahead() - seasons * task.season)[None]
    if np.any(rows < task.firsts[:, None]):
        raise Undefined("a forecast has less than one season before it")
    return rows, seasons


SIMPLE = {
    "persistence": persistence,
    "drift": drift,
    "seasonal_naive": seasonal_naive,
    "seasonal_growth": seasonal_growth,
}
