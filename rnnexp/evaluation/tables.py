"""The tables that are kept with a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.cells import HOURS
from rnnexp.data.calendar import has_hours
from rnnexp.data.dataset import USUAL, Dataset, Predictions
from rnnexp.data.quantiles import name_others
from rnnexp.evaluation import metrics

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_ROWS = 100_000


Columns = Callable[[np.ndarray, np.ndarray], Mapping[str, Any]]


def numbers(
    dataset: Dataset, predictions: Predictions, baselines: Mapping[str, Predictions], columns: Columns
) -> dict[str, DataFrame]:
    """Return errors by horizon and by target where there are several, and the predictions themselves."""
    made = {"predictions": predicted(dataset, predictions, columns)}
    _, horizon, targets = predictions.actual.shape
    models = {"model": predictions, **baselines}
    if horizon > 1:
        made["horizons"] = _errors(models, 1, [str(h) for h in range(1, horizon + 1)], "horizon")
    if targets > 1:
        made["targets"] = _errors(models, 2, list(dataset.spec.targets), "target")
    return made


def lay_baselines(metrics: Mapping[str, float], part: str, name: str) -> DataFrame:
    """Lay the scores of a model and of its baselines out, a row for each of them, the model's first."""
    import pandas

    rows: dict[str, dict[str, float]] = {name: {}}
    for key, value in metrics.items():
        first, *within, last = key.split("/")
        if (first == "baseline" and within) or (first == part and not within):
            rows.setdefault("/".join(within) or name, {})[last] = value
    return pandas.DataFrame.from_dict(rows, orient="index").rename_axis("model").reset_index()


def _errors(models: Mapping[str, Predictions], axis: int, labels: list[str], name: str) -> DataFrame:
    import pandas

    columns: dict[str, list[object]] = {name: list(labels)}
    for model, one in models.items():
        pairs = [(one.actual.take([i], axis), one.predicted.take([i], axis), one.weight) for i in range(len(labels))]
        columns[f"{model} rmse"] = [metrics.rmse(*pair) for pair in pairs]
        columns[f"{model} mae"] = [metrics.mae(*pair) for pair in pairs]
    return pandas.DataFrame(columns)


def predicted(
    dataset: Dataset,
    predictions: Predictions,
    more: Columns = lambda example, step: {},
    most: float = MOST_ROWS,
) -> DataFrame:
    """Lay predictions out one value a row: example, what `more` knows of it, step ahead, actual, predicted.

    most: rows, all of them of whole examples
    """
    import pandas

    n, horizon, targets = predictions.actual.shape
    kept = max(1, int(min(n, most // (horizon * targets))))
    example, step, target = np.indices((kept, horizon, targets)).reshape(3, -1)
    columns: dict[str, object] = {"example": example, **more(example, step)}
    columns["step"] = step + 1
    columns["target"] = np.array(dataset.spec.targets)[target]
    columns["actual"] = predictions.actual[:kept].reshape(-1)
    columns["predicted"] = predictions.predicted[:kept].reshape(-1)
    for name, end in zip((f"low_{USUAL}", f"high_{USUAL}"), predictions.bounds or ()):
        columns[name] = end[:kept].reshape(-1)
    if predictions.quantiles is not None:
        each = predictions.quantiles[:kept].reshape(len(target), -1)
        columns |= {name: each[:, at] for name, at in name_others(dataset.spec.quantiles).items()}
    frame = pandas.DataFrame(columns)
    frame.attrs[HOURS] = dataset.history is not None and has_hours(dataset.history.frequency)
    return frame
