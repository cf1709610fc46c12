"""Forecasts that need no network (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, section 5.2).

All take the history (rows, targets) in original units, the row of the last observed value of each forecast, and the
first row of the series it lies in; all return (n, horizon, targets). What is not defined raises `Undefined`. One of
many series that is too short for a baseline does not take it from the others: the last value is repeated there, so that
every baseline is judged on the examples of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnexp.evaluation.report import Undefined


@dataclass(frozen=True)
class Task:
    """What is to be forecast.

    values: (rows, targets);  origins: (n,) last observed rows;  firsts: (n,) first row of the series of each origin
    seasonless: why there is no season, if there is none
    """

    values: np.ndarray
    origins: np.ndarray
    firsts: np.ndarray
    horizon: int
    season: int | None = None
    seasonless: str = "no season is given or can be inferred"

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
    there = _seen(task, "seasonal_naive")
    rows, _ = _season_before(task)
    return np.where(there[:, None, None], task.values[np.maximum(rows, 0)], persistence(task))


def seasonal_growth(task: Task) -> np.ndarray:
    """Repeat the last season, grown as the last value has grown over a year: x[t-12] * x[t-1] / x[t-13]."""
    there = _seen(task, "seasonal_growth")
    rows, seasons = _season_before(task)
    before = np.maximum(task.origins - (task.season or 0), 0)
    now, then = task.values[task.origins], task.values[before]
    bad = there & np.any((then <= 0) | (now <= 0), axis=1)
    if bad.any():
        raise Undefined("values are not all above 0", int(task.origins[bad][0]))
    growth = np.divide(now, then, out=np.ones_like(now), where=there[:, None])[:, None] ** seasons[None, :, None]
    return np.where(there[:, None, None], task.values[np.maximum(rows, 0)] * growth, persistence(task))


def stands_in(name: str, task: Task) -> np.ndarray:
    """Say of each forecast of a baseline whether it repeats the last value for want of rows in its series, (n,)."""
    return ~_seen(task, name) if name in ROWS_BEFORE else np.zeros(len(task.origins), bool)


def whole_series(firsts: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Say of each forecast whether something is there for all forecasts of its series, (n,)."""
    _, series = np.unique(firsts, return_inverse=True)
    return np.asarray((np.bincount(series, ~there) == 0)[series])


def _seen(task: Task, name: str) -> np.ndarray:
    """Say of each forecast whether its series has a season before every forecast; Undefined if none has."""
    if task.season is None:
        raise Undefined(task.seasonless)
    rows, _ = _season_before(task)
    enough = np.minimum(rows.min(axis=1), task.origins - task.season * ROWS_BEFORE[name]) >= task.firsts
    there = whole_series(task.firsts, enough)
    if not there.any():
        raise Undefined(f"a forecast has less than one season{' and one row' * ROWS_BEFORE[name]} before it")
    return there


def _season_before(task: Task) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows (n, horizon) that lie whole seasons before the targets, and how many seasons (horizon,)."""
    season = task.season or 1
    seasons = -(-task.ahead() // season)
    return task.origins[:, None] + (task.ahead() - seasons * season)[None], seasons


# Seasonal baselines, and whether they need a row before the season.
ROWS_BEFORE = {"seasonal_naive": 0, "seasonal_growth": 1}
SIMPLE = {
    "persistence": persistence,
    "drift": drift,
    "seasonal_naive": seasonal_naive,
    "seasonal_growth": seasonal_growth,
}
