"""Score predicted numbers and those of baselines on the same examples, in original units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.evaluation import metrics, quantile_scores, tables
from rnnexp.evaluation.report import Report, Where, defined
from rnnexp.task import metric_of, primary

Extra = Callable[[np.ndarray, np.ndarray], dict[str, float]]

# Below this share of the actual values' deviation a baseline counts as exact, and no skill can be stated.
EXACT = 1e-6
ROUNDING = 1e-6  # networks compute in float32: a tie is not a win
# Predictions that vary by less than this share of the actual values' deviation are as good as a constant.
CONSTANT = 0.05
UNFITTED = "these data have no training set"

Maker = Callable[[], np.ndarray]


@dataclass
class Findings:
    """What is gathered on the way to a report."""

    metrics: dict[str, float] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    baselines: dict[str, Predictions] = field(default_factory=dict)


@dataclass(frozen=True)
class Yardsticks:
    """What predictions are held against.

    baselines: what computes the predictions of each, like the model's, or raises Undefined
    units:     of errors that are scaled;  factor: original units per unit that the network sees, None: not one number
    add:       what a task alone adds to the findings
    spread:    what makes quantiles of a baseline, by its name, from its forecasts, or raises Undefined
    place:     says where the row of an Undefined is;  columns: which of (example, step) tables show beside them
    """

    baselines: Mapping[str, Maker]
    units: metrics.Units
    factor: np.ndarray | None = None
    add: Callable[[Findings], None] = lambda found: None
    place: Where = lambda row: ""
    columns: Callable[[np.ndarray, np.ndarray], Mapping[str, Any]] = lambda example, step: {}
    spread: Callable[[str, np.ndarray], np.ndarray] | None = None


def report(dataset: Dataset, predictions: Predictions, against: Yardsticks, extra: Extra) -> Report:
    """Compare predictions with the truth, and with every baseline that is defined; `extra` adds metrics."""
    found, scored = Findings(), dataset.scored
    made = defined(against.baselines, found.skipped, against.place)
    found.baselines |= {name: predictions_of(predictions, predicted) for name, predicted in made.items()}
    found.baselines |= _with_quantiles(dataset, found, against)
    models = {scored: predictions, **{f"baseline/{name}": one for name, one in found.baselines.items()}}
    for prefix, one in models.items():
        values, undefined = metrics.scores(one.actual, one.predicted, against.units, one.weight)
        values |= _scaled(one, against.factor) | extra(one.actual, one.predicted)
        values |= quantile_scores.score(one, dataset.spec.quantiles, whole=prefix == scored)
        found.metrics |= metrics.prefixed(prefix, values)
        if prefix == scored:
            found.skipped |= undefined | ({} if dataset.trained_on else {"mase": UNFITTED})
    found.notes += _nothing_found(predictions)
    against.add(found)
    first = str(primary(found.metrics, scored))
    best, beats = _skill(found, scored, tuple(dict.fromkeys((first, "rmse", "mae"))), predictions.actual)
    shown = tables.numbers(dataset, predictions, found.baselines, against.columns)
    shown |= quantile_scores.compare(predictions, found.baselines, dataset.spec.quantiles)
    return Report(found.metrics, predictions, shown, found.notes, found.baselines, found.skipped, best, beats)


def predictions_of(like: Predictions, predicted: np.ndarray) -> Predictions:
    """Put other predictions in the place of a model's."""
    return Predictions(predicted, like.actual, None, like.origins, weight=like.weight)


def _with_quantiles(dataset: Dataset, found: Findings, against: Yardsticks) -> dict[str, Predictions]:
    """Return the baselines with quantiles, as far as these are defined, where the network gives some."""
    if not dataset.spec.quantiles or against.spread is None:
        return {}
    makers = {f"{name}/pinball": partial(against.spread, name, one.predicted) for name, one in found.baselines.items()}
    made = {key.removesuffix("/pinball"): values for key, values in defined(makers, found.skipped).items()}
    return {name: replace(found.baselines[name], quantiles=values) for name, values in made.items()}


def _scaled(one: Predictions, factor: np.ndarray | None) -> dict[str, float]:
    if factor is None:
        return {}
    pair = (one.actual / factor, one.predicted / factor, one.weight)
    return {"mse_scaled": metrics.mse(*pair), "mae_scaled": metrics.mae(*pair)}


def _nothing_found(predictions: Predictions) -> list[str]:
    varied, actual = (np.std(values, axis=(0, 1)) for values in (predictions.predicted, predictions.actual))
    if np.any(actual == 0) or np.any(varied >= CONSTANT * actual):
        return []
    mean = float(predictions.predicted.mean())
    return [
        f"the network learned nothing: for every input it predicts about {mean:.4g}, "
        f"and its predictions vary by {np.max(varied / actual):.1%} of what the actual values do"
    ]


def _skill(found: Findings, part: str, names: tuple[str, ...], actual: np.ndarray) -> tuple[str | None, bool | None]:
    """Add `skill/*` against each metric's best baseline; return the first metric's best, and whether it is beaten."""
    if not found.baselines:
        return None, None
    scores = {
        name: {base: found.metrics.get(f"baseline/{base}/{name}", np.inf) for base in found.baselines} for name in names
    }
    best = {name: min(score, key=lambda base: score[base]) for name, score in scores.items()}
    for name, base in best.items():
        known = metric_of(name)
        least = EXACT * (float(actual.std()) if known and known.in_units else 1)
        if scores[name][base] <= least:
            found.skipped[f"skill/{name}"] = f"the baseline {base} is exact"
        elif f"{part}/{name}" in found.metrics and np.isfinite(scores[name][base]):
            found.metrics[f"skill/{name}"] = 1 - found.metrics[f"{part}/{name}"] / scores[name][base]
    first = names[0]
    if np.isinf(scores[first][best[first]]):
        return None, None
    return best[first], found.metrics[f"{part}/{first}"] < scores[first][best[first]] * (1 - ROUNDING)
