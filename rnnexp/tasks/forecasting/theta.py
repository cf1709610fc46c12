"""The Theta method, with the season taken out, as the M4 competition's benchmark was.

A forecast is the mean of the line through the values and of what simple exponential smoothing makes of the values
mirrored at it: the theta lines 0 and 2. Where the values have a season by the test of Naive2, it is taken out before
and put back: as factors, or as terms that are added where the values are not all above 0.

Source: Assimakopoulos and Nikolopoulos, The theta model, 2000; `Theta.classic` of "Benchmarks and Evaluation.R" of
https://github.com/Mcompetitions/M4-methods.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.tasks.forecasting import ets, naive2
from rnnexp.tasks.forecasting.baselines import Undefined
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.linear import Past
from rnnexp.tasks.forecasting.windows import Plan

FEWEST_ROWS = 3
ALPHAS = np.array([1e-4, *np.linspace(0.02, 0.98, 25), 0.9999])
FINER = (0.02, 0.01, 0.005, 0.0025, 0.001)  # by which alpha is moved in turn


@dataclass(frozen=True)
class ThetaForecast:
    """The Theta method that has been fitted.

    ids: of the series;  season: rows, 1 for none
    alphas: (series + 1, targets) of the smoothing;  seasonal: 1 where a season is taken out, (series + 1, targets);
            both at the end those for any other series
    """

    ids: list[str]
    season: int
    alphas: Numbers
    seasonal: Numbers

    def __post_init__(self) -> None:
        sizes = self.alphas.ndim == 2 and self.alphas.shape == self.seasonal.shape
        if not sizes or len(self.alphas) != len(self.ids) + 1:
            raise ValueError("series and their weights do not go together")
        ets.require_season(self.season)
        if np.any(self.alphas < 0) or np.any(self.alphas > 1):
            raise ValueError("a weight is not between 0 and 1")

    def predict(self, past: Past, plan: Plan) -> np.ndarray:
        """Return forecasts (n, horizon, targets) in original units.

        The line and the season are of the training rows where the past has them, else of those up to its first
        forecast; where these are too few, the last value is repeated.
        """
        columns, places = ets.lay_out(past, plan.targets), ets.find_series(self.ids, past)
        if self.alphas.shape[1] != plan.targets:
            raise Undefined("it was fitted to other columns")
        alphas, seasonal = (of[places][columns.series, columns.target] for of in (self.alphas, self.seasonal))
        known = [past.find_known(series) for series in columns.series]
        periods = np.where(seasonal > 0, self.season, 1)
        adjusted = [
            _adjust(values, rows, period, len(values) + plan.ahead)
            for values, rows, period in zip(columns.values.T, known, periods)
        ]
        levels = _follow(np.stack([one.mirrored for one in adjusted], axis=1), alphas, known)
        found = np.repeat(past.table[past.origins, : plan.targets][:, None], plan.ahead, axis=1)
        for column, (series, target) in enumerate(zip(columns.series, columns.target)):
            if adjusted[column].enough:
                own = past.series == series
                rows = (past.origins - past.firsts)[own]
                found[own, :, target] = adjusted[column].forecast(levels[rows, column], rows, plan.ahead)
        return found

    def stands_in(self, past: Past) -> np.ndarray:
        """Say of each forecast whether its series has too few rows for it, (n,)."""
        periods = np.where(self.seasonal.max(axis=1) > 0, self.season, 1)[ets.find_series(self.ids, past)]
        known = [past.find_known(series) for series in range(len(past.ids))]
        short = [one.stop - one.start < _count_fewest(period) for one, period in zip(known, periods)]
        return np.array(short)[past.series]


def _count_fewest(period: int) -> int:
    return naive2.FEWEST_SEASONS * period if period > 1 else FEWEST_ROWS


@dataclass(frozen=True)
class Adjusted:
    """Values without their season, as two lines, (rows + horizon,) or (rows,).

    enough: whether there are enough rows for it;  pattern: the season;  factors: whether it is of factors
    """

    enough: bool
    line: np.ndarray
    mirrored: np.ndarray
    pattern: np.ndarray
    factors: bool

    def forecast(self, levels: np.ndarray, rows: np.ndarray, horizon: int) -> np.ndarray:
        """Return what follows each of these rows, (n, horizon), from the smoothed values there."""
        ahead = rows[:, None] + np.arange(1, horizon + 1)
        mean = (self.line[ahead] + levels[:, None]) / 2
        return mean * self.pattern[ahead] if self.factors else mean + self.pattern[ahead]


def _adjust(values: np.ndarray, known: slice, period: int, rows: int) -> Adjusted:
    """Estimate season and line of a column on its `known` rows, and go on with them up to `rows`."""
    seen, at = values[known], np.arange(rows)
    if len(seen) < _count_fewest(period):
        return Adjusted(False, np.zeros(rows), values, np.zeros(rows), False)
    factors = bool(np.all(seen > 0))
    pattern = np.full(rows, float(factors))
    if period > 1:
        pattern = naive2.fit_season(seen, period, factors)[(at - known.start) % period]
    plain = values / pattern[: len(values)] if factors else values - pattern[: len(values)]
    slope, start = np.polyfit(at[known], plain[known], 1)
    line = start + slope * at
    return Adjusted(True, line, 2 * plain - line[: len(values)], pattern, factors)


def fit(dataset: SeriesDataset) -> ThetaForecast:
    """Choose the weight of the smoothing for each series and target. Raises Undefined where none has enough rows."""
    own, season = ets.require_training(dataset), dataset.season or 1
    parts, targets = ets.list_training(own, ets.MAX_FITTED), own.pipeline.plan.targets
    alphas, seasonal = (np.zeros((len(parts) + 1, targets)) for _ in range(2))
    there = [place for place, part in enumerate(parts) if len(part) >= FEWEST_ROWS]
    if not there:
        raise Undefined(f"no series has the {FEWEST_ROWS} training rows that it takes")
    for place in there:
        seasonal[place] = [naive2.seasonal(column, season) for column in parts[place].T]
    periods = np.where(seasonal[there].reshape(-1) > 0, season, 1)
    columns = [column for place in there for column in parts[place].T]
    mirrored = [_adjust(one, slice(0, len(one)), period, len(one)).mirrored for one, period in zip(columns, periods)]
    lengths = np.array([len(one) for one in mirrored])
    alphas[there] = _choose_alphas(ets.stack([one[:, None] for one in mirrored]), lengths).reshape(-1, targets)
    others = [place for place in range(len(alphas)) if place not in set(there)]
    alphas[others], seasonal[others] = np.median(alphas[there], axis=0), np.round(seasonal[there].mean(axis=0))
    return ThetaForecast(list(own.history.ids), season, alphas, seasonal)


def _choose_alphas(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the weight with the least squared errors for each column: of a grid, then beside the best."""
    tried = np.repeat(ALPHAS[:, None], values.shape[1], axis=1)
    costs = _sum_squares(tried, values, lengths)
    columns = np.arange(values.shape[1])
    best = costs.argmin(axis=0)
    alphas, lowest = tried[best, columns], costs[best, columns]
    for step in FINER:
        tried = np.clip(alphas + np.array([[-step], [step]]), ALPHAS[0], ALPHAS[-1])
        costs = _sum_squares(tried, values, lengths)
        way = costs.argmin(axis=0)
        least = costs[way, columns]
        alphas, lowest = np.where(least < lowest, tried[way, columns], alphas), np.minimum(least, lowest)
    return alphas


def _sum_squares(alphas: np.ndarray, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the squared errors of simple exponential smoothing from the best first level, (candidates, columns).

    Errors are linear in the first level: those from 0, less the level times what is left of it.
    """
    level, left = np.zeros_like(alphas), np.ones_like(alphas)
    squares, mixed, weight = np.zeros_like(alphas), np.zeros_like(alphas), np.zeros_like(alphas)
    for row, actual in enumerate(values):
        there, error = row < lengths, actual - level
        squares += there * error**2
        mixed += there * error * left
        weight += there * left**2
        level += alphas * error
        left *= 1 - alphas
    return squares - mixed**2 / weight


def _follow(values: np.ndarray, alphas: np.ndarray, known: list[slice]) -> np.ndarray:
    """Return the smoothed values after each row, (rows, columns), from the level that is best for the known rows."""
    levels, errors = np.zeros_like(values), np.zeros_like(values)
    level = np.zeros(len(alphas))
    for row, actual in enumerate(values):
        errors[row] = actual - level
        level = levels[row] = level + alphas * errors[row]
    left = (1 - alphas) ** np.arange(len(values) + 1)[:, None]
    weights = [float(left[rows, column] @ left[rows, column]) for column, rows in enumerate(known)]
    mixed = [float(errors[rows, column] @ left[rows, column]) for column, rows in enumerate(known)]
    first = np.divide(mixed, weights, out=np.zeros(len(known)), where=np.array(weights) > 0)
    return np.asarray(levels + left[1:] * first)
