"""Why a network that forecasts loses to a baseline, as far as its data tell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnexp.evaluation.diagnosis import Cause
from rnnexp.evaluation.report import Report
from rnnexp.tasks.forecasting import scales
from rnnexp.tasks.forecasting.dataset import SeriesDataset

SHIFT = 2.0  # deviations of the training part between its mean and that of the scored part
BIASED = 0.5  # share of the RMSE by which the forecasts are off in the mean
SEASONLESS = ("persistence", "drift")


def find_causes(dataset: SeriesDataset, report: Report) -> Iterator[Cause]:
    """Yield what is sure: a level that training has not seen, and a window that is shorter than the season."""
    yield from _level(dataset, report)
    yield from _window(dataset, report)


def _level(dataset: SeriesDataset, report: Report) -> Iterator[Cause]:
    """Where the level is not taken away, hold the scored part and the mean error against the training part."""
    plan, one = dataset.pipeline.plan, report.predictions
    deviation = scales.deviation(dataset, one)
    known = [None if rows is None or not len(rows) else rows for rows in dataset.training_rows()]
    if plan.window != "none" or dataset.pipeline.chain.lost or any(rows is None for rows in known):
        return
    if deviation is None or one.origins is None:
        return
    means = np.stack([rows[:, : plan.targets].mean(axis=0) for rows in known if rows is not None])
    usable = np.where(deviation > 0, deviation, np.nan)
    level = (one.actual - means[dataset.history.series_of(one.origins)][:, None]) / usable
    error = (one.predicted - one.actual) / usable
    if not np.isfinite(level).any():
        return
    with np.errstate(all="ignore"):
        shift, off = float(np.nanmean(level)), float(np.nanmean(error))
        biased = off * shift < 0 and abs(off) > BIASED * float(np.sqrt(np.nanmean(error**2)))
    if abs(shift) > SHIFT and biased:
        where = "above" if shift > 0 else "below"
        seen = f"the scored values lie {abs(shift):.1f} deviations {where} those of the training set, and the "
        seen += f"forecasts do not follow ({'too low' if off < 0 else 'too high'} by {abs(off):.1f} in the mean)"
        yield Cause("level_shift", seen, "'data.scaler=[standard,instance]'")


def _window(dataset: SeriesDataset, report: Report) -> Iterator[Cause]:
    """Where the best baseline sees a season that the network does not, and the season tells something."""
    season, pipeline = dataset.season, dataset.pipeline
    seen_rows = pipeline.plan.sequence_length + pipeline.chain.lost
    told = pipeline.calendar or pipeline.known  # by the date, or by what is known ahead
    if season is None or seen_rows >= season or told or pipeline.plan.layout != "windows":
        return
    errors = {name: report.metrics.get(f"baseline/{name}/rmse", np.inf) for name in ("persistence", "seasonal_naive")}
    helps = report.best_baseline not in SEASONLESS
    if helps and errors["seasonal_naive"] < errors["persistence"]:
        rows = "1 row" if seen_rows == 1 else f"{seen_rows} rows"
        seen = f"the network sees {rows}, less than the season of {season}, which {report.best_baseline} uses"
        yield Cause("short_window", seen, f"data.sequence_length={season + 1}")
