"""Score a model and its baselines on the same examples, in original units."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from rnnexp import registry
from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.errors import DivergedError
from rnnexp.evaluation import classes, metrics, tables
from rnnexp.evaluation.outputs import BatchSize, outputs
from rnnexp.evaluation.report import Report
from rnnexp.task import METRICS, primary
from rnnexp.tasks.forecasting import baselines, linear, naive2, scales
from rnnexp.tasks.forecasting.bands import MADE_ON, Band, band
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.intervals import Intervals
from rnnexp.tasks.forecasting.short_series import forecasting_task, in_series, short_series
from rnnexp.tasks.language_modeling import report as language
from rnnexp.tasks.language_modeling.dataset import TextStream
from rnnexp.tasks.sequence_to_sequence import report as translation
from rnnexp.tasks.sequence_to_sequence.dataset import PairDataset
from rnnexp.tasks.tagging import report as tagging
from rnnexp.tasks.tagging.dataset import TagDataset

# Below this share of the actual values' deviation a baseline counts as exact, and no skill can be stated.
EXACT = 1e-6
MOST_HORIZONS = 24
ROUNDING = 1e-6  # networks compute in float32: a tie is not a win
# Predictions that vary by less than this share of the actual values' deviation are as good as a constant.
CONSTANT = 0.05
UNFITTED = "these data have no training part"


@dataclass
class _Findings:
    """What is gathered on the way to a report."""

    metrics: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    baselines: dict[str, Predictions] = field(default_factory=dict)


def evaluate(
    model: Any,
    dataset: Dataset,
    batch_size: BatchSize,
    extra: Sequence[str] = (),
    intervals: Intervals | None = None,
) -> Report:
    """Score `model` on the scored part beside every baseline that is defined.

    `batch_size` is as in the trainer, and changes no score. `extra` names metrics of the user's own, called with
    (actual, predicted). Prediction intervals of a forecast are made on the validation part, unless `intervals` are
    given, and measured on the scored one. Raises DivergedError for predictions that are not finite.
    """
    if isinstance(dataset, TextStream):
        return language.report(model, dataset)
    if isinstance(dataset, PairDataset):
        return translation.report(model, dataset)
    if isinstance(dataset, TagDataset):
        return tagging.report(model, dataset, batch_size, partial(_extra, extra))
    needed = {dataset.scored: None} | ({MADE_ON: None} if _calibrates(dataset, intervals) else {})
    found = outputs(model, dataset, list(needed), batch_size)
    predictions = dataset.restore(dataset.scored, found[dataset.scored])
    if not np.isfinite(predictions.predicted).all():
        raise DivergedError("the model's predictions are not finite; lower optimizer.learning_rate or clip gradients")
    if dataset.spec.task == "classification":
        return classes.report(dataset, predictions, partial(_extra, extra))
    if not isinstance(dataset, SeriesDataset):
        return _numbers(dataset, predictions, extra)
    return _forecasts(dataset, predictions, extra, band(dataset, found, intervals))


def _forecasts(dataset: SeriesDataset, predictions: Predictions, extra: Sequence[str], made: Band) -> Report:
    """Score forecasts with their prediction intervals."""
    report = _numbers(dataset, replace(predictions, bounds=made.bounds), extra)
    metrics, skipped = {**report.metrics, **made.metrics}, {**report.skipped, **made.skipped}
    return replace(report, metrics=metrics, skipped=skipped, intervals=made.intervals)


def _calibrates(dataset: Dataset, given: Intervals | None) -> bool:
    return given is None and isinstance(dataset, SeriesDataset) and MADE_ON in dataset.parts


def _numbers(dataset: Dataset, predictions: Predictions, extra: Sequence[str]) -> Report:
    found = _Findings()
    units = metrics.Units(
        scales.mase_scale(dataset, predictions),
        scales.deviation(dataset, predictions) if len(dataset.spec.targets) > 1 else None,
        scales.series_of(dataset, predictions),
    )
    factor = scales.affine_scale(dataset, units.series)
    named = {name: predictions_of(predictions, values) for name, values in _baselines(dataset, predictions, found)}
    found.baselines.update(named)
    for prefix, one in {
        dataset.scored: predictions,
        **{f"baseline/{n}": p for n, p in named.items()},
    }.items():
        values, undefined = metrics.scores(one.actual, one.predicted, units)
        values |= _scaled(one, factor) | _extra(extra, one.actual, one.predicted)
        found.metrics |= metrics.prefixed(prefix, values)
        if prefix == dataset.scored:
            found.skipped |= undefined | ({} if dataset.trained_on else {"mase": UNFITTED})
    found.metrics |= _owa(found, dataset.scored) | _by_horizon(dataset.scored, predictions)
    found.notes += _nothing_found(predictions) + scales.unscaled(dataset, units.scale, units.series)
    if isinstance(dataset, SeriesDataset) and predictions.origins is not None:
        found.notes += short_series(dataset, predictions.origins, predictions.actual.shape[1], named)
    first = str(primary(found.metrics, dataset.scored))
    best, beats = _skill(found, dataset.scored, tuple(dict.fromkeys((first, "rmse", "mae"))), predictions.actual)
    made = tables.numbers(dataset, predictions, named)
    return _report(found, predictions, made, best, beats)


def _report(
    found: _Findings, predictions: Predictions, made: Mapping[str, Any], best: str | None, beats: bool | None
) -> Report:
    return Report(found.metrics, predictions, made, found.notes, found.baselines, found.skipped, best, beats)


def predictions_of(like: Predictions, predicted: np.ndarray) -> Predictions:
    """Put other predictions in the place of a model's."""
    return Predictions(predicted, like.actual, None, like.origins)


def _baselines(dataset: Dataset, predictions: Predictions, found: _Findings) -> list[tuple[str, np.ndarray]]:
    makers = (
        _series_baselines(dataset, predictions) if isinstance(dataset, SeriesDataset) else _means(dataset, predictions)
    )
    made = []
    for name, make in makers.items():
        try:
            made.append((name, make()))
        except baselines.Undefined as reason:
            found.skipped[f"baseline/{name}"] = f"{reason}{in_series(dataset, reason.row)}"
    return made


def _series_baselines(dataset: SeriesDataset, predictions: Predictions) -> dict[str, Callable[[], np.ndarray]]:
    origins = predictions.origins
    if origins is None:
        return {}
    task = forecasting_task(dataset, origins, predictions.actual.shape[1])
    makers = baselines.SIMPLE | ({"naive2": naive2.naive2} if naive2.applies(task.firsts) else {})
    simple = {name: (lambda make=make: make(task)) for name, make in makers.items()}
    return {**simple, "linear": lambda: _linear(dataset, origins)}


def _linear(dataset: SeriesDataset, origins: np.ndarray) -> np.ndarray:
    if dataset.trained_on is None:
        raise baselines.Undefined(UNFITTED)
    return linear.forecast(dataset, origins)


def _means(dataset: Dataset, predictions: Predictions) -> dict[str, Callable[[], np.ndarray]]:
    def mean() -> np.ndarray:
        if dataset.trained_on is None:
            raise baselines.Undefined(UNFITTED)
        train = dataset.trained_on.parts["train"]
        values = train.arrays["y"][train.indices].astype(np.float64).mean(axis=0)
        return np.broadcast_to(values, predictions.actual.shape)

    return {"mean": mean}


def _scaled(one: Predictions, factor: np.ndarray | None) -> dict[str, float]:
    if factor is None:
        return {}
    actual, predicted = one.actual / factor, one.predicted / factor
    return {"mse_scaled": metrics.mse(actual, predicted), "mae_scaled": metrics.mae(actual, predicted)}


def _owa(found: _Findings, part: str) -> dict[str, float]:
    """Judge the model and its baselines as the M4 competition did, where Naive2 is one of them."""
    if "naive2" not in found.baselines:
        return {}
    prefixes = [part, *(f"baseline/{name}" for name in found.baselines)]
    scores = {p: {name: found.metrics.get(f"{p}/{name}", 0.0) for name in ("smape", "mase")} for p in prefixes}
    values = {p: naive2.owa(own, scores["baseline/naive2"]) for p, own in scores.items()}
    return {f"{p}/owa": value for p, value in values.items() if value is not None}


def _extra(names: Sequence[str], actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    own = [name for name in names if name in registry.names("metric")]
    values = {name: float(registry.lookup("metric", name)().score(actual, predicted)) for name in own}
    return {name: value for name, value in values.items() if np.isfinite(value)}


def _nothing_found(predictions: Predictions) -> list[str]:
    varied, actual = (np.std(values, axis=(0, 1)) for values in (predictions.predicted, predictions.actual))
    if np.any(actual == 0) or np.any(varied >= CONSTANT * actual):
        return []
    mean = float(predictions.predicted.mean())
    return [
        f"the network found nothing: whatever the input it answers about {mean:.4g}, "
        f"and its predictions vary by {np.max(varied / actual):.1%} of what the actual values do"
    ]


def _by_horizon(part: str, predictions: Predictions) -> dict[str, float]:
    horizon = predictions.actual.shape[1]
    if not 1 < horizon <= MOST_HORIZONS:
        return {}
    found = {}
    for h in range(horizon):
        actual, predicted = predictions.actual[:, h], predictions.predicted[:, h]
        found[f"{part}/h{h + 1}/rmse"] = metrics.rmse(actual, predicted)
        found[f"{part}/h{h + 1}/mae"] = metrics.mae(actual, predicted)
    return found


def _skill(found: _Findings, part: str, names: tuple[str, ...], actual: np.ndarray) -> tuple[str | None, bool | None]:
    """Add `skill/*` against each metric's best baseline; return the first metric's best, and whether it is beaten."""
    if not found.baselines:
        return None, None
    scores = {
        name: {base: found.metrics.get(f"baseline/{base}/{name}", np.inf) for base in found.baselines} for name in names
    }
    best = {name: min(score, key=lambda base: score[base]) for name, score in scores.items()}
    for name, base in best.items():
        least = EXACT * (float(actual.std()) if METRICS[name].in_units else 1)
        if scores[name][base] <= least:
            found.skipped[f"skill/{name}"] = f"the baseline {base} is exact"
        elif f"{part}/{name}" in found.metrics:
            found.metrics[f"skill/{name}"] = 1 - found.metrics[f"{part}/{name}"] / scores[name][base]
    first = names[0]
    return best[first], found.metrics[f"{part}/{first}"] < scores[first][best[first]] * (1 - ROUNDING)
