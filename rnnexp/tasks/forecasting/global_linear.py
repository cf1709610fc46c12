"""One linear model for many series: ridge regression on windows, each in units of its own.

A window is taken less its last value and over its deviation, as reversible instance normalization does, so that series
of any size and level speak for one another, and for a series that training has not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.tasks.forecasting import linear
from rnnexp.tasks.forecasting.baselines import Undefined
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.linear import FEWEST_WINDOWS, MOST_INPUTS, Past, make_past
from rnnexp.tasks.forecasting.normal_equations import PENALTY
from rnnexp.tasks.forecasting.windows import Plan

MAX_VALUES = 8_000_000  # of windows and what follows them, 64 MB: of more windows, as many at equal distances

FURTHEST = 30.0  # deviations of a window that what follows may be off: a window that is nearly constant says nothing


@dataclass(frozen=True)
class WindowRegression:
    """A regression on so many lags: `weights` (lags + 1, horizon), at the end the intercept; empty if undefined."""

    lags: int
    weights: Numbers

    def __post_init__(self) -> None:
        if self.lags < 1 or self.weights.size and self.weights.shape[:1] != (self.lags + 1,):
            raise ValueError("lags and weights do not go together")


@dataclass(frozen=True)
class GlobalLinear:
    """Regressions on the lags of the window, and on a season of them."""

    shared: list[WindowRegression]

    def __post_init__(self) -> None:
        if not self.shared:
            raise ValueError("there is no regression on any lags")

    def predict(self, past: Past, plan: Plan) -> np.ndarray:
        """Return forecasts (n, horizon, targets) in original units; one with too few rows repeats the last value."""
        found = np.repeat(past.table[past.origins, : plan.targets][:, None], plan.ahead, axis=1)
        used = linear.choose_lags(past, [one.lags for one in self.shared])
        complete = past.origins - past.firsts + 1 >= used
        if not complete.any():
            raise Undefined("no series has as many rows before a forecast as it takes")
        for one in self.shared:
            chosen = np.flatnonzero((used == one.lags) & complete)
            if len(chosen) and one.weights.shape[1:] != (plan.ahead,):
                raise Undefined(f"there are fewer than {FEWEST_WINDOWS} usable training windows of {one.lags} rows")
            for target in range(plan.targets):
                x, last, scale = _normalize(_take(past, past.origins[chosen], target, -one.lags, 0))
                found[chosen, :, target] = _add_one(x) @ one.weights * scale + last
        return found


def fit(dataset: SeriesDataset) -> GlobalLinear:
    """Fit to windows of the training part, of all series and targets together."""
    own = dataset.trained_on
    if own is None:
        raise Undefined("there is no training set")
    return GlobalLinear([_fit_lags(own, lags) for lags in linear.find_usable_lags(dataset)])


def _fit_lags(own: SeriesDataset, lags: int) -> WindowRegression:
    plan = own.pipeline.plan
    past = make_past(own, own.list_learned_starts() + plan.sequence_length - 1)
    origins = past.origins[past.origins - past.firsts + 1 >= lags]
    if lags > MOST_INPUTS:
        raise Undefined(f"a regression on {lags:,} inputs takes too much memory; the most is {MOST_INPUTS:,}")
    if len(origins) < FEWEST_WINDOWS:
        return WindowRegression(lags, np.empty(0))
    most = max(FEWEST_WINDOWS, MAX_VALUES // ((lags + plan.ahead) * plan.targets))
    if len(origins) > most:
        origins = origins[np.linspace(0, len(origins) - 1, most).astype(int)]
    windows = [_take(past, origins, target, -lags, plan.ahead) for target in range(plan.targets)]
    both = np.concatenate(windows)
    x, last, scale = _normalize(both[:, :lags])
    ahead = (both[:, lags:] - last) / scale
    usual = np.abs(ahead).max(axis=1) < FURTHEST
    if usual.sum() < FEWEST_WINDOWS:
        return WindowRegression(lags, np.empty(0))
    inputs, ahead = _add_one(x[usual]), ahead[usual]
    gram = inputs.T @ inputs
    gram[np.diag_indices(lags)] += PENALTY * len(inputs)
    return WindowRegression(lags, np.linalg.solve(gram + PENALTY * np.eye(lags + 1), inputs.T @ ahead))


def _take(past: Past, origins: np.ndarray, target: int, before: int, after: int) -> np.ndarray:
    """Return the rows of one target around each origin, itself the last of those before: (n, rows)."""
    return np.asarray(past.table[origins[:, None] + np.arange(before + 1, after + 1), target])


def _normalize(windows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return windows (n, lags) in their own units, and last value and deviation of each, (n, 1); constant ones as 0."""
    last, scale = windows[:, -1:], windows.std(axis=1, keepdims=True)
    # Rounding leaves the deviation of a constant window above 0, the more so the larger its values.
    scale = np.where(np.ptp(windows, axis=1, keepdims=True) == 0, 1.0, scale)
    return (windows - last) / scale, last, scale


def _add_one(x: np.ndarray) -> np.ndarray:
    return np.hstack([x, np.ones((len(x), 1))])
