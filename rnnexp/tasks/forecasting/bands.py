"""Prediction intervals of a trained network: made on its validation part, measured on its scored part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rnnexp.data.dataset import USUAL
from rnnexp.tasks.forecasting import intervals
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.intervals import Intervals

MADE_ON = "val"
INTERVALS = "rnnexp.intervals"  # the tag that says what they are worth
LEAST_CHANCE = 0.01  # below it, that intervals hold so little is no chance
ROUNDING = 1e-9


@dataclass(frozen=True)
class Band:
    """Intervals and what they are worth on the scored part.

    bounds: their ends at the usual level, in original units, each (n, horizon, targets)
    narrow: what is said of intervals that hold too little, empty for those that do not
    """

    intervals: Intervals
    metrics: Mapping[str, float] = field(default_factory=dict)
    bounds: tuple[np.ndarray, np.ndarray] | None = None
    narrow: str = ""

    @property
    def skipped(self) -> dict[str, str]:
        if self.bounds is not None:
            return {}
        return {f"prediction intervals of {USUAL} %": self.intervals.missing(USUAL)}

    @property
    def notes(self) -> list[str]:
        return [self.narrow] if self.narrow else []

    @property
    def tags(self) -> dict[str, str]:
        return {} if self.bounds is None else {INTERVALS: "too narrow" if self.narrow else "ok"}


def band(dataset: SeriesDataset, outputs: Mapping[str, np.ndarray], given: Intervals | None = None) -> Band:
    """Make intervals from the outputs for the validation part, unless some are `given`, and measure them."""
    scored = dataset.scored
    errors = dataset.errors(scored, outputs[scored])
    made = (given or _made(dataset, outputs)).measured(errors)
    if USUAL not in made.levels:
        return Band(made)
    bounds = dataset.bounds(scored, outputs[scored], made.of(USUAL))
    return measure(dataset, made, np.abs(errors) <= made.of(USUAL), bounds)


def measure(dataset: SeriesDataset, made: Intervals, inside: np.ndarray, bounds: tuple[np.ndarray, np.ndarray]) -> Band:
    """Say of intervals with these ends which values they hold, `inside` (n, horizon, targets)."""
    held, width = float(inside.mean()), float(np.mean(bounds[1] - bounds[0]))
    measured = {f"{dataset.scored}/coverage_{USUAL}": held, f"{dataset.scored}/interval_width_{USUAL}": width}
    return Band(made, measured, bounds, _narrow(inside))


def _narrow(inside: np.ndarray) -> str:
    """Say so where intervals hold less (n, horizon, targets) than chance explains, by a binomial test."""
    from scipy.special import bdtr

    held, count = float(inside.mean()), count_independent(inside)
    chance = float(bdtr(np.floor(held * count + ROUNDING), count, USUAL / 100))
    if held >= USUAL / 100 or chance >= LEAST_CHANCE:
        return ""
    p = "p < 0.001" if chance < 0.001 else f"p = {chance:.3f}"
    counted = (
        f"{inside.size} values" if count == inside.size else f"{inside.size} values, as good as {count} independent"
    )
    return f"the intervals are too narrow: those of {USUAL} % hold {held:.0%} of {counted} ({p})"


def count_independent(inside: np.ndarray) -> int:
    """Return how many independent values tell as much as these (n, horizon, targets) of windows in time order.

    Windows overlap, and errors come in spells. The variance of a mean is the sum of autocovariances (Newey and West,
    A simple, positive semi-definite covariance matrix, 1987); at most one value of each date and target counts.
    """
    windows, horizon, targets = inside.shape
    held, most = float(inside.mean()), windows * targets
    shares = inside.mean(axis=(1, 2)) - held
    lags = min(windows - 1, max(2 * (horizon - 1), round(windows ** (1 / 3))))
    weights = [(1 + (lag > 0)) * (1 - lag / (lags + 1)) for lag in range(lags + 1)]
    variance = sum(w * float(shares[lag:] @ shares[: windows - lag]) for lag, w in enumerate(weights)) / windows**2
    if variance <= 0:  # all windows are alike
        return max(1, most // horizon)
    return int(np.clip(held * (1 - held) / variance, 1, most))


def _made(dataset: SeriesDataset, outputs: Mapping[str, np.ndarray]) -> Intervals:
    if MADE_ON not in outputs:
        return Intervals(why="data.split has no validation set, from whose errors they are made")
    if dataset.scored == MADE_ON:
        return Intervals(why="the validation set cannot measure what is made from it")
    errors = dataset.errors(MADE_ON, outputs[MADE_ON])
    if not np.isfinite(errors).all():
        return Intervals(why="the forecasts of the validation set are not finite")
    return intervals.calibrate(errors)
