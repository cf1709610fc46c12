"""What one unit of an error is in each series: what its training part says, or the scaler of the network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnexp.data.dataset import Dataset, Predictions
from rnnexp.evaluation import metrics
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.scalers import Affine


def series_of(dataset: Dataset, predictions: Predictions) -> np.ndarray | None:
    """Return which series each example is of, (n,); None for independent sequences."""
    if not isinstance(dataset, SeriesDataset) or predictions.origins is None:
        return None
    return dataset.history.series_of(predictions.origins)


def mase_scale(dataset: Dataset, predictions: Predictions) -> np.ndarray | None:
    """Return the in-sample naive error of the series of each example, (n, 1, targets); None without such rows."""
    season = dataset.season or 1
    return _of_training_rows(dataset, predictions, lambda rows: metrics.naive_scale(rows, season), season + 1)


def deviation(dataset: Dataset, predictions: Predictions) -> np.ndarray | None:
    """Return the deviation of the training rows of each example's series, (n, 1, targets); without series that of the
    training targets, (1, 1, targets). None where there is no training part.
    """
    if isinstance(dataset, SeriesDataset):
        return _of_training_rows(dataset, predictions, metrics.deviation, 2)
    own = dataset.trained_on
    if own is None:
        return None
    train = own.parts["train"]
    values = train.arrays["y"][train.indices].astype(np.float64)
    return metrics.deviation(values.reshape(-1, values.shape[-1]))[None, None]


def _of_training_rows(
    dataset: Dataset, predictions: Predictions, scale: Callable[[np.ndarray], np.ndarray], fewest: int
) -> np.ndarray | None:
    series = series_of(dataset, predictions)
    if series is None or not isinstance(dataset, SeriesDataset) or dataset.trained_on is None:
        return None
    targets = dataset.pipeline.plan.targets
    rows = [None if known is None else known[:, :targets] for known in dataset.training_rows()]
    unknown = np.full(targets, np.nan)
    scales = [unknown if known is None or len(known) < fewest else scale(known) for known in rows]
    return np.stack(scales)[series][:, None]


def affine_scale(dataset: Dataset, series: np.ndarray | None) -> np.ndarray | None:
    """Return what one unit of the scaled series of each example is in original units, where that is one number each.

    series: (n,) which series each example is of;  the result is (n or 1, 1, targets)
    """
    if not isinstance(dataset, SeriesDataset) or series is None:
        return None
    steps = dataset.pipeline.chain.steps
    if len(steps) != 1 or not isinstance(steps[0], Affine):
        return None
    scale = steps[0].scale[:, None, : dataset.pipeline.plan.targets]
    if not dataset.pipeline.per_series:
        return np.asarray(scale)
    groups = np.array([dataset.pipeline.group(label) for label in dataset.history.ids])
    return np.asarray(scale[groups[series]])


def unscaled(dataset: Dataset, scale: np.ndarray | None, series: np.ndarray | None) -> list[str]:
    """Name the series, or the targets of series, that MASE leaves out."""
    if scale is None or series is None or dataset.history is None or not np.any(scale > 0):
        return []
    scored, first = np.unique(series, return_index=True)
    missing = np.argwhere(~(scale[first, 0] > 0))
    if not len(missing):
        return []
    row, target = missing[0]
    several = len(scored) > 1, len(dataset.spec.targets) > 1
    names = (dataset.history.ids[scored[row]], dataset.spec.targets[target])
    label = " of ".join(f"`{name}`" for name, shown in zip(names[::-1], several[::-1]) if shown)
    unit = {(True, False): "series", (False, True): "targets", (True, True): "targets of series"}[several]
    return [f"MASE leaves out {len(missing)} of {scale[first, 0].size} {unit}, such as {label}: {metrics.NO_SCALE}"]
