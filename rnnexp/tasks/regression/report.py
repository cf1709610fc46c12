"""Score numbers that are predicted for independent sequences beside their mean, and a regression on summaries."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.evaluation import breakdown, metrics, numbers, quantile_scores, tables
from rnnexp.evaluation.kept_baselines import KeptBaselines, keep
from rnnexp.evaluation.numbers import UNFITTED, Yardsticks
from rnnexp.evaluation.outputs import outputs, require_finite
from rnnexp.evaluation.report import VALIDATION, Report, Scores, Scoring, Undefined, once
from rnnexp.tasks.regression.baselines import Mean, SummaryRidge, fit_summary_ridge

if TYPE_CHECKING:
    from pandas import DataFrame


KINDS: dict[str, type] = {"mean": Mean, "summary": SummaryRidge}  # the baselines that a run keeps, by name


def report(model: Any, dataset: Dataset, scoring: Scoring) -> Report:
    """Predict the scored part, and compare with the truth and the baselines of the training part."""
    predictions = _predict(model, dataset, dataset.scored, scoring)
    require_finite(predictions)
    deviation = _deviation(dataset) if len(dataset.spec.targets) > 1 else None
    units = metrics.Units(None, deviation, None)
    fits = {name: partial(once, dataset, partial(_fit, dataset, name), name) for name in KINDS}
    makers = {name: partial(_predict_by, fit, dataset, dataset.scored) for name, fit in fits.items()}
    against = Yardsticks(makers, units, spread=partial(_spread, dataset, fits))
    made = numbers.report(dataset, predictions, against, scoring.extra)
    count, targets = len(predictions.actual), dataset.spec.targets
    examples = np.arange(count)[:, None]
    shown = {breakdown.WORST: breakdown.rank_errors(predictions, targets, lambda example, step: {}, examples)}
    if len(targets) > 1:
        labels = {"part": (dataset.scored,), "target": targets}
        shown[breakdown.SCORES] = breakdown.compare_groups(predictions, made.baselines, np.zeros(count, int), labels)
    return replace(
        made,
        tables={**made.tables, **shown},
        fitted={name: fits[name]() for name in made.baselines},
        validation=scoring.validate(dataset, lambda part: _predict(model, dataset, part, scoring)),
    )


def _predict(model: Any, dataset: Dataset, part: str, scoring: Scoring) -> Predictions:
    return dataset.restore(part, outputs(model, dataset, [part], scoring.batch_size)[part])


def keep_baselines(dataset: Dataset, report: Report) -> KeptBaselines:
    """Keep the baselines, each with its error on the validation part."""
    deviation = _deviation(dataset) if len(dataset.spec.targets) > 1 else None

    actual = report.validation.actual if report.validation else np.zeros(0)

    def score(predicted: np.ndarray) -> float:
        return metrics.measure_error(actual, predicted.reshape(actual.shape), deviation)

    return keep(
        dataset, report, _choose_error(dataset), score, lambda one: one.predict(list_sequences(dataset, VALIDATION))
    )


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
    return "pinball" if dataset.spec.quantiles else _choose_error(dataset)


def _choose_error(dataset: Dataset) -> str:
    return "nrmse" if len(dataset.spec.targets) > 1 else "rmse"


def _fit(dataset: Dataset, name: str) -> Any:
    numbers = _training_targets(dataset)
    if name == "mean":
        return Mean(numbers.mean(axis=0))
    return fit_summary_ridge(list_sequences(dataset.trained_on, "train"), numbers)


def _predict_by(fit: Callable[[], Any], dataset: Dataset, part: str) -> np.ndarray:
    return np.asarray(fit().predict(list_sequences(dataset, part)))[:, None]


def list_sequences(dataset: Any, part: str) -> list[np.ndarray]:
    """Return the sequences of a part as they were read: a regression has units of its own."""
    return [dataset.sequences.one(int(index)) for index in dataset.parts[part].indices]


def _spread(dataset: Dataset, fits: Mapping[str, Callable[[], Any]], name: str, predicted: np.ndarray) -> np.ndarray:
    """Return predictions and the quantiles of what they are off by in training: (n, 1, outputs, quantiles)."""
    off = _training_targets(dataset) - _predict_by(fits[name], dataset.trained_on or dataset, "train")[:, 0]
    return predicted[..., None] + np.moveaxis(np.quantile(off, dataset.spec.quantiles, axis=0), 0, -1)


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
