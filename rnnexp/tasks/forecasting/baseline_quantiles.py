"""Quantiles of baselines: their forecasts, spread by what they were off by in training."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rnnexp.evaluation.numbers import UNFITTED
from rnnexp.evaluation.report import Undefined
from rnnexp.tasks.forecasting.dataset import SeriesDataset

MOST_ERRORS = 5_000_000  # that are sorted: of more windows, as many at equal distances

Makers = Callable[[SeriesDataset, np.ndarray], Mapping[str, Callable[[], np.ndarray]]]


def add_quantiles(
    dataset: SeriesDataset, origins: np.ndarray, makers: Makers, name: str, forecasts: np.ndarray
) -> np.ndarray:
    """Return quantiles (n, horizon, targets, quantiles) of forecasts (n, horizon, targets) from `origins`.

    Each is the forecast plus the empirical quantile of the errors of the same baseline over the training part, by
    series, step and target; all series together where one has too few for a single error to lie outside.

    makers: what computes the forecasts of each baseline from other origins
    """
    own, levels = dataset.trained_on, dataset.spec.quantiles
    if own is None:
        raise Undefined(UNFITTED)
    known = _find_origins(own, forecasts[0].size)
    found = makers(own, known)
    if not len(known) or name not in found:
        raise Undefined("there are no errors of it over the training set")
    rows = known[:, None] + np.arange(1, forecasts.shape[1] + 1)
    errors = own.history.values[rows] - found[name]()
    pooled, series = _quantiles(errors, levels), own.history.series_of(known)
    fewest = 1 / min(levels[0], 1 - levels[-1])
    several = len(own.history.ids) > 1
    places = [(label, errors[series == place]) for place, label in enumerate(own.history.ids)] if several else []
    each = {label: _quantiles(own_errors, levels) for label, own_errors in places if len(own_errors) >= fewest}
    labels = [dataset.history.ids[place] for place in dataset.history.series_of(origins)]
    return forecasts[..., None] + np.stack([each.get(label, pooled) for label in labels])


def _quantiles(errors: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    return np.moveaxis(np.quantile(errors, levels, axis=0), 0, -1)


def _find_origins(own: SeriesDataset, values: int) -> np.ndarray:
    """Return the last observed rows of the training windows that have a season and one row before them, (n,)."""
    origins = own.list_learned_starts() + own.pipeline.plan.sequence_length - 1
    before = origins - own.history.offsets[own.history.series_of(origins)]
    origins = origins[before >= (own.season or 0)]
    most = max(1, MOST_ERRORS // values)
    return origins[np.linspace(0, len(origins) - 1, most).astype(int)] if len(origins) > most else origins
