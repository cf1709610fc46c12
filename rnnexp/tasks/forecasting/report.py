"""Score forecasts beside those that need no network, with their prediction intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.evaluation import breakdown, metrics, numbers, tables
from rnnexp.evaluation.baseline_files import Kept
from rnnexp.evaluation.numbers import Findings, Yardsticks
from rnnexp.evaluation.outputs import outputs, require_finite
from rnnexp.evaluation.report import Report, Scoring, Undefined, once
from rnnexp.tasks.forecasting import kept_forecasts, naive2, scales
from rnnexp.tasks.forecasting.bands import MADE_ON, Band, band
from rnnexp.tasks.forecasting.baseline_quantiles import add_quantiles
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.intervals import Intervals
from rnnexp.tasks.forecasting.kept_forecasts import Fit
from rnnexp.tasks.forecasting.linear import Past, make_past
from rnnexp.tasks.forecasting.pipeline import Pipeline
from rnnexp.tasks.forecasting.short_series import in_series, short_series
from rnnexp.tasks.forecasting.windows import Plan

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_HORIZONS = 24
OWN = "the network gives quantiles of its own, loss.quantiles"


def report(model: Any, dataset: SeriesDataset, scoring: Scoring) -> Report:
    """Forecast the scored part, and compare with the truth and the baselines."""
    several = bool(dataset.spec.quantiles)
    wanted = scoring.validates or (scoring.intervals is None and not several)
    made_on = [MADE_ON] if wanted and MADE_ON in dataset.parts else []
    found = outputs(model, dataset, list(dict.fromkeys([dataset.scored, *made_on])), scoring.batch_size)
    predictions = dataset.restore(dataset.scored, found[dataset.scored])
    require_finite(predictions)
    made = Band(Intervals(why=OWN)) if several else band(dataset, found, scoring.intervals)
    predictions = replace(predictions, bounds=made.bounds)
    methods = {} if predictions.origins is None else kept_forecasts.list_methods(dataset, predictions.origins)
    report = numbers.report(dataset, predictions, make_yardsticks(dataset, predictions, methods), scoring.extra)
    return replace(
        report,
        metrics={**report.metrics, **made.metrics},
        skipped={**report.skipped, **made.skipped},
        notes=[*report.notes, *made.notes],
        tables={**report.tables, **list_breakdown(dataset, predictions, report.baselines)},
        intervals=made.intervals,
        tags=made.tags,
        fitted={name: methods[name]() for name in report.baselines},
        validation=scoring.validate(dataset, lambda part: dataset.restore(part, found[part])),
    )


def rows(dataset: SeriesDataset, report: Report) -> DataFrame:
    """Return every forecast value with its error, its series and its date, in columns named as in the user's table."""
    columns, pipeline = partial(_columns, dataset, report.predictions), dataset.pipeline
    frame = tables.predicted(dataset, report.predictions, columns, math.inf)
    frame.insert(list(frame).index("predicted") + 1, "error", frame["predicted"] - frame["actual"])
    several = len(dataset.history.ids) > 1 or pipeline.series != Pipeline.series
    own = {"series": pipeline.series if several else "series", "time": pipeline.time or "time"}
    frame = frame.rename(columns={"step": "step_ahead"}) if "step" in own.values() else frame
    return frame.rename(columns={ours: name for ours, name in own.items() if name not in frame})


def list_breakdown(
    dataset: SeriesDataset, predictions: Predictions, baselines: Mapping[str, Predictions]
) -> dict[str, DataFrame]:
    """Return the scores of each series and target, where there are several, and the largest errors."""
    origins, targets = predictions.origins, dataset.spec.targets
    if origins is None:
        return {}
    columns, history = partial(_columns, dataset, predictions), dataset.history
    ahead = origins[:, None] + np.arange(1, predictions.actual.shape[1] + 1)
    found = {breakdown.WORST: breakdown.rank_errors(predictions, targets, columns, ahead)}
    if len(history.ids) * len(targets) > 1:
        labels = {"series": history.ids, "target": targets}
        series = history.series_of(origins)
        found[breakdown.SCORES] = breakdown.compare_groups(predictions, baselines, series, labels)
    return found


def headline(dataset: SeriesDataset) -> str:
    """Return what will head the report: OWA where forecasts are as in M4, else an error, or that of all quantiles."""
    if dataset.spec.quantiles:
        return "pinball"
    history = dataset.history
    if naive2.applies(history.offsets[history.series_of(dataset.starts(dataset.scored))]):
        return "owa"
    return "nrmse" if len(dataset.spec.targets) > 1 else "rmse"


def make_yardsticks(dataset: SeriesDataset, predictions: Predictions, methods: Mapping[str, Fit]) -> Yardsticks:
    units = metrics.Units(
        scales.mase_scale(dataset, predictions),
        scales.deviation(dataset, predictions) if len(dataset.spec.targets) > 1 else None,
        scales.series_of(dataset, predictions),
    )
    origins = predictions.origins
    if origins is None:
        return Yardsticks({}, units)
    made = _forecasts(dataset, origins, methods)
    return Yardsticks(
        {name: partial(once, dataset, maker, f"forecasts of {name}", Kept()) for name, maker in made.items()},
        units,
        scales.affine_scale(dataset, units.series),
        partial(_add, dataset, predictions, units, methods),
        partial(in_series, dataset),
        partial(_columns, dataset, predictions),
        partial(add_quantiles, dataset, origins, _list_forecasts),
    )


def _add(
    dataset: SeriesDataset,
    predictions: Predictions,
    units: metrics.Units,
    methods: Mapping[str, Fit],
    found: Findings,
) -> None:
    """Add what is known of forecasts alone: OWA, errors by step, and series that are too short."""
    found.metrics |= _owa(found, dataset.scored) | _by_horizon(dataset.scored, predictions)
    found.notes += scales.unscaled(dataset, units.scale, units.series)
    if predictions.origins is not None:
        found.notes += short_series(dataset, predictions.origins, predictions.actual.shape[1], found.baselines)
        fitted = [(name, methods[name]()) for name in found.baselines if name in methods]
        found.notes += kept_forecasts.name_stand_ins(make_past(dataset, predictions.origins), fitted)


def _columns(
    dataset: SeriesDataset, predictions: Predictions, example: np.ndarray, step: np.ndarray
) -> Mapping[str, Any]:
    """Return series and date of each forecast value."""
    if predictions.origins is None:
        return {}
    rows = predictions.origins[example] + step + 1
    series = dataset.history.series_of(rows)
    time = dataset.history.time
    return {"series": np.array(dataset.history.ids)[series], "time": rows if time is None else time[rows]}


def _forecasts(
    dataset: SeriesDataset, origins: np.ndarray, methods: Mapping[str, Fit]
) -> dict[str, Callable[[], np.ndarray]]:
    """Return what computes the forecasts of each baseline from these origins."""
    past, plan = make_past(dataset, origins), dataset.pipeline.plan
    return {name: partial(_forecast, fit, past, plan) for name, fit in methods.items()}


def _forecast(fit: Fit, past: Past, plan: Plan) -> np.ndarray:
    method = fit()
    if kept_forecasts.stands_in(method, past).all():
        raise Undefined("it would repeat the last value in all forecasts, because there are no rows before them")
    return np.asarray(method.predict(past, plan))


def _list_forecasts(dataset: SeriesDataset, origins: np.ndarray) -> dict[str, Callable[[], np.ndarray]]:
    return _forecasts(dataset, origins, kept_forecasts.list_methods(dataset, origins))


def _owa(found: Findings, part: str) -> dict[str, float]:
    """Judge the model and its baselines as the M4 competition did, where Naive2 is one of them."""
    if "naive2" not in found.baselines:
        return {}
    prefixes = [part, *(f"baseline/{name}" for name in found.baselines)]
    scores = {p: {name: found.metrics.get(f"{p}/{name}", 0.0) for name in ("smape", "mase")} for p in prefixes}
    values = {p: naive2.owa(own, scores["baseline/naive2"]) for p, own in scores.items()}
    return {f"{p}/owa": value for p, value in values.items() if value is not None}


def _by_horizon(part: str, predictions: Predictions) -> dict[str, float]:
    horizon = predictions.actual.shape[1]
    if not 1 < horizon <= MOST_HORIZONS:
        return {}
    found = {}
    for h in range(horizon):
        actual, predicted = predictions.actual[:, h], predictions.predicted[:, h]
        found[f"{part}/h{h + 1}/rmse"] = metrics.rmse(actual, predicted, predictions.weight)
        found[f"{part}/h{h + 1}/mae"] = metrics.mae(actual, predicted, predictions.weight)
    return found
