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


@dataclass(frozen=True)
class Band:
    """Intervals and what they are worth on the scored part.

    bounds: their ends at the usual level, in original units, each (n, horizon, targets)
    """

    intervals: Intervals
    metrics: Mapping[str, float] = field(default_factory=dict)
    bounds: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def skipped(self) -> dict[str, str]:
        if self.bounds is not None:
            return {}
        return {f"prediction intervals of {USUAL} %": self.intervals.missing(USUAL)}


def band(dataset: SeriesDataset, outputs: Mapping[str, np.ndarray], given: Intervals | None = None) -> Band:
    """Make intervals from the outputs for the validation part, unless some are `given`, and measure them."""
    scored = dataset.scored
    made = (given or _made(dataset, outputs)).measured(dataset.errors(scored, outputs[scored]))
    if USUAL not in made.levels:
        return Band(made)
    low, high = dataset.bounds(scored, outputs[scored], made.of(USUAL))
    held, width = made.held(USUAL), float(np.mean(high - low))
    return Band(
        made, {f"{scored}/coverage_{USUAL}": held or 0.0, f"{scored}/interval_width_{USUAL}": width}, (low, high)
    )


def _made(dataset: SeriesDataset, outputs: Mapping[str, np.ndarray]) -> Intervals:
    if MADE_ON not in outputs:
        return Intervals(why="data.split has no validation part, from whose errors they are made")
    if dataset.scored == MADE_ON:
        return Intervals(why="the validation part cannot measure what is made from it")
    errors = dataset.errors(MADE_ON, outputs[MADE_ON])
    if not np.isfinite(errors).all():
        return Intervals(why="the forecasts of the validation part are not finite")
    return intervals.calibrate(errors)
