"""Score numbers that are predicted for independent sequences beside their mean."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.evaluation import breakdown, metrics, numbers, quantile_scores, tables
from rnnexp.evaluation.numbers import UNFITTED, Yardsticks
from rnnexp.evaluation.outputs import outputs, require_finite
from rnnexp.evaluation.report import Report, Scores, Scoring, Undefined

if TYPE_CHECKING:
    from pandas import DataFrame


def report(model: Any, dataset: Dataset, scoring: Scoring) -> Report:
    """Predict the scored part, and compare with the truth and the mean of the training part."""
    found = outputs(model, dataset, [dataset.scored], scoring.batch_size)
    predictions = dataset.restore(dataset.scored, found[dataset.scored])
    require_finite(predictions)
    deviation = _deviation(dataset) if len(dataset.spec.targets) > 1 else None
    units = metrics.Units(None, deviation, None)
    against = Yardsticks({"mean": partial(_mean, dataset, predictions)}, units, spread=partial(_spread, dataset))
    made = numbers.report(dataset, predictions, against, scoring.extra)
    count, targets = len(predictions.actual), dataset.spec.targets
    examples = np.arange(count)[:, None]
    shown = {breakdown.WORST: breakdown.rank_errors(predictions, targets, lambda example, step: {}, examples)}
    if len(targets) > 1:
        labels = {"part": (dataset.scored,), "target": targets}
        shown[breakdown.SCORES] = breakdown.compare_groups(predictions, made.baselines, np.zeros(count, int), labels)
    return replace(made, tables={**made.tables, **shown})


def summary(scores: Scores) -> Iterator[str]:
    """Yield the error of each target, where there are several, and the largest ones."""
    yield from breakdown.say_scores(scores.report.tables.get(breakdown.SCORES))
    yield from breakdown.say_largest_errors(scores.report.tables.get(breakdown.WORST))
    yield from quantile_scores.say_quantiles(scores)


def rows(dataset: Dataset, report: Report) -> DataFrame:
    """Return every number of every example."""
    frame = tables.predicted(dataset, report.predictions, most=math.inf)
    return frame.assign(error=frame["predicted"] - frame["actual"])


def headline(dataset: Dataset) -> str:
    """Return what will head the report."""
    if dataset.spec.quantiles:
        return "pinball"
    return "nrmse" if len(dataset.spec.targets) > 1 else "rmse"


def _mean(dataset: Dataset, predictions: Predictions) -> np.ndarray:
    return np.broadcast_to(_training_targets(dataset).mean(axis=0), predictions.actual.shape)


def _spread(dataset: Dataset, _name: str, means: np.ndarray) -> np.ndarray:
    """Return the quantiles of the training targets, whatever the input: (n, 1, outputs, quantiles)."""
    found = np.moveaxis(np.quantile(_training_targets(dataset), dataset.spec.quantiles, axis=0), 0, -1)
    return np.broadcast_to(found, (*means.shape, len(dataset.spec.quantiles)))


def _deviation(dataset: Dataset) -> np.ndarray | None:
    """Return the deviation of the training targets, (1, 1, targets); None where there is no training part."""
    if dataset.trained_on is None:
        return None
    values = _training_targets(dataset)
    return metrics.deviation(values.reshape(-1, values.shape[-1]))[None, None]


def _training_targets(dataset: Dataset) -> np.ndarray:
    if dataset.trained_on is None:
        raise Undefined(UNFITTED)
    train = dataset.trained_on.parts["train"]
    return np.asarray(train.arrays["y"][train.indices], np.float64)
