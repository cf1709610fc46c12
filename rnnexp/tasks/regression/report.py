"""Score numbers that are predicted for independent sequences beside their mean, and a regression on summaries."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.data.dataset import Predictions
from rnnexp.data.inputs.dataset import MultiInputDataset
from rnnexp.data.sequences import SequenceDataset
from rnnexp.evaluation import breakdown, metrics, numbers, quantile_scores, tables
from rnnexp.evaluation.input_weights import measure_weights, say_weights
from rnnexp.evaluation.kept_baselines import KeptBaselines, keep
from rnnexp.evaluation.numbers import UNFITTED, Yardsticks
from rnnexp.evaluation.outputs import outputs, require_finite
from rnnexp.evaluation.report import VALIDATION, Judge, Report, Scores, Scoring, Undefined, once
from rnnexp.tasks import input_baselines
from rnnexp.tasks.regression.baselines import Mean, SummaryRidge, TextRidge, fit_summary_ridge, fit_text_ridge
from rnnexp.tasks.texts import TextDataset

if TYPE_CHECKING:
    from pandas import DataFrame


FAR = 10.0  # size of targets that a network takes long to grow to
KINDS: dict[str, type] = {  # the baselines that a run keeps, by name
    "mean": Mean,
    "summary": SummaryRidge,
    "tfidf_ridge": TextRidge,
    input_baselines.ALL: input_baselines.InputsLinear,
}


def list_kinds() -> Mapping[str, type]:
    """Return the classes of the baselines that a run keeps, by name."""
    return input_baselines.Kinds(KINDS)


def report(model: Any, dataset: SequenceDataset, scoring: Scoring) -> Report:
    """Predict the scored part, and compare with the truth and the baselines of the training part."""
    seen = _predict(model, dataset, dataset.scored, scoring)
    require_finite(seen)
    predictions = dataset.gather_votes(dataset.scored, seen)
    deviation = _deviation(dataset) if len(dataset.spec.targets) > 1 else None
    units = metrics.Units(None, deviation, None)
    fits = {name: partial(once, dataset, fit, name) for name, fit in _list_fits(dataset).items()}
    makers = {name: partial(_predict_by, fit, dataset, dataset.scored) for name, fit in fits.items()}
    against = Yardsticks(makers, units, spread=partial(_spread, dataset, fits))
    made = numbers.report(dataset, predictions, against, scoring.extra)
    count, targets = len(predictions.actual), dataset.spec.targets
    examples = np.arange(count)[:, None]
    shown = {breakdown.WORST: breakdown.rank_errors(predictions, targets, lambda example, step: {}, examples)}
    if len(targets) > 1:
        labels = {"part": (dataset.scored,), "target": targets}
        shown[breakdown.SCORES] = breakdown.compare_groups(predictions, made.baselines, np.zeros(count, int), labels)
    shown |= measure_weights(model, dataset, scoring.batch_size)
    made = _add_windows(dataset, replace(made, tables={**made.tables, **shown}), seen, units)
    validation = scoring.validate(dataset, lambda part: _predict(model, dataset, part, scoring))
    return replace(
        made,
        notes=[*made.notes, *_say_far_targets(dataset, made)],
        fitted={name: fits[name]() for name in made.baselines},
        validation=validation and dataset.gather_votes(VALIDATION, validation),
    )


def _say_far_targets(dataset: SequenceDataset, made: Report) -> list[str]:
    """Say why a network is worse than the mean where it has to grow to large targets first, which are not scaled."""
    own, of_mean = made.metrics.get(f"{dataset.scored}/rmse", 0.0), made.metrics.get("baseline/mean/rmse", math.inf)
    if own <= of_mean or dataset.pipeline.targets is not None or dataset.trained_on is None:
        return []
    values = _training_targets(dataset)
    mean, deviation = values.mean(axis=0).ravel(), values.std(axis=0).ravel()
    far = int(np.argmax(np.abs(mean) + deviation))
    if abs(mean[far]) + deviation[far] < FAR:
        return []
    return [
        f"targets are not scaled, and those of the training set are {mean[far]:.4g} ± {deviation[far]:.3g}, while a "
        "network begins near 0; try data.target_scaler=standard"
    ]


def _add_windows(dataset: SequenceDataset, made: Report, seen: Predictions, units: metrics.Units) -> Report:
    """Add the scores and the predictions of single windows, where recordings were cut into some."""
    windows, part = dataset.windows, dataset.parts[dataset.scored].indices
    if windows.size is None:
        return made
    prefix = f"{dataset.scored}/windows"
    scores = metrics.prefixed(prefix, metrics.scores(seen.actual, seen.predicted, units, seen.weight)[0])
    names = np.array(windows.name_steps(dataset.sequences, part))
    table = tables.predicted(dataset, seen, lambda example, step: {"window": names[example]})
    return replace(
        made,
        metrics={**made.metrics, **scores},
        notes=[*made.notes, *windows.say_votes(part, "RMSE", scores.get(f"{prefix}/rmse"))],
        tables={**made.tables, "windows": table},
    )


def _predict(model: Any, dataset: SequenceDataset, part: str, scoring: Scoring) -> Predictions:
    return dataset.restore(part, outputs(model, dataset, [part], scoring.batch_size)[part])


def keep_baselines(dataset: SequenceDataset, report: Report) -> KeptBaselines:
    """Keep the baselines, each with its error on the validation part."""
    return keep(dataset, report, judge_validation(dataset), lambda one: _answer(one, dataset, VALIDATION))


def judge_validation(dataset: SequenceDataset) -> Judge:
    """Return the error by which the best is chosen."""
    deviation = _deviation(dataset) if len(dataset.spec.targets) > 1 else None

    def score(one: Predictions) -> float:
        return metrics.measure_error(one.actual, one.predicted.reshape(one.actual.shape), deviation)

    return _choose_error(dataset), score


def summary(scores: Scores) -> Iterator[str]:
    """Yield the error of each target, where there are several, and the largest ones."""
    yield from breakdown.say_scores(scores.report.tables.get(breakdown.SCORES))
    yield from breakdown.say_largest_errors(scores.report.tables)
    yield from quantile_scores.say_quantiles(scores)
    yield from say_weights(scores.report.tables)


def rows(dataset: SequenceDataset, report: Report) -> DataFrame:
    """Return every number of every example."""
    frame = tables.predicted(dataset, report.predictions, most=math.inf)
    if dataset.windows.size is not None:
        each = dataset.windows.count(dataset.parts[dataset.scored].indices)
        frame.insert(1, "windows", each[frame["example"]])
    return frame.assign(error=frame["predicted"] - frame["actual"])


def headline(dataset: SequenceDataset) -> str:
    """Return what will head the report."""
    return "pinball" if dataset.spec.quantiles else _choose_error(dataset)


def _choose_error(dataset: SequenceDataset) -> str:
    return "nrmse" if len(dataset.spec.targets) > 1 else "rmse"


def _list_fits(dataset: SequenceDataset) -> dict[str, Callable[[], Any]]:
    """Return what fits each baseline of these data to the training part, by name."""
    fits: dict[str, Callable[[], Any]] = {"mean": lambda: Mean(_training_targets(dataset).mean(axis=0))}
    if (own := dataset.trained_on) is None:
        return fits | {"summary": lambda: _training_targets(dataset)}  # which says that there are none
    known, numbers = partial(list_inputs, own, "train"), np.asarray(own.list_truth("train"), np.float64)
    if isinstance(own, MultiInputDataset):
        return fits | input_baselines.list_fits(own.pipeline, known(), numbers, classes=0)
    if isinstance(own, TextDataset):
        return fits | {"tfidf_ridge": lambda: fit_text_ridge(known(), numbers, own.pipeline.encoder.tokenizer)}
    return fits | {"summary": lambda: fit_summary_ridge(known(), numbers)}


def _answer(one: Any, dataset: SequenceDataset, part: str) -> np.ndarray:
    """Return what a baseline says of the examples of a part, (n, outputs): of recordings the mean of their windows."""
    return dataset.vote(part, np.asarray(one.predict(list_inputs(dataset, part))))


def _predict_by(fit: Callable[[], Any], dataset: SequenceDataset, part: str) -> np.ndarray:
    return _answer(fit(), dataset, part)[:, None]


def list_inputs(dataset: SequenceDataset, part: str) -> list[Any]:
    """Return what baselines read of a part: texts, all inputs of each example, or windows in the units of the data: a
    regression has a scaler of its own.
    """
    indices = dataset.parts[part].indices
    if isinstance(dataset, MultiInputDataset):
        return list(dataset.pipeline.clean(dataset.examples, indices))
    if isinstance(dataset, TextDataset):
        return [dataset.texts[int(index)] for index in indices]
    return list(dataset.windows.split(dataset.sequences.values, indices))


def _spread(
    dataset: SequenceDataset, fits: Mapping[str, Callable[[], Any]], name: str, predicted: np.ndarray
) -> np.ndarray:
    """Return predictions and the quantiles of what they are off by in training: (n, 1, outputs, quantiles)."""
    off = _training_targets(dataset) - _predict_by(fits[name], dataset.trained_on or dataset, "train")[:, 0]
    return predicted[..., None] + np.moveaxis(np.quantile(off, dataset.spec.quantiles, axis=0), 0, -1)


def _deviation(dataset: SequenceDataset) -> np.ndarray | None:
    """Return the deviation of the training targets, (1, 1, targets); None where there is no training part."""
    if dataset.trained_on is None:
        return None
    values = _training_targets(dataset)
    return metrics.deviation(values.reshape(-1, values.shape[-1]))[None, None]


def _training_targets(dataset: SequenceDataset) -> np.ndarray:
    if dataset.trained_on is None:
        raise Undefined(UNFITTED)
    return np.asarray(dataset.trained_on.truth("train"), np.float64)
