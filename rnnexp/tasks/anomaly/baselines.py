"""Detectors that need no network: each learns from the training rows, and has a threshold made as the network's is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rnnexp.tasks.anomaly.load import SensorDataset

TREES = 100


@dataclass(frozen=True)
class Rows:
    """Rows in original units, (n, sensors), those before them, and the place (n,) of each in its season."""

    values: np.ndarray
    before: np.ndarray
    phase: np.ndarray


Score = Callable[[Rows], np.ndarray]  # of each row, (n,)


def take_rows(dataset: SensorDataset, part: str, season: int | None) -> Rows:
    """Return the scored rows of a part."""
    rows, sensors = dataset.scored_rows(part), dataset.pipeline.plan.targets
    table = dataset.table[:, :sensors]
    return Rows(table[rows], table[rows - 1], _find_phase(dataset, rows, season or 1))


def _find_phase(dataset: SensorDataset, rows: np.ndarray, season: int) -> np.ndarray:
    """Return the place of rows in their season, counted from a fixed date where there are dates."""
    history = dataset.history
    if history.time is None:
        return np.asarray((rows - history.offsets[history.series_of(rows)]) % season)
    ticks = history.time.astype("datetime64[ns]").astype(np.int64)
    step = max(1, int(np.median(np.diff(ticks)))) if len(ticks) > 1 else 1
    return np.asarray(np.round(ticks[rows] / step).astype(np.int64) % season)


def fit_persistence(train: Rows) -> Score:
    """Score the change from the row before, in deviations of such changes; the greatest of all sensors."""
    scale = _positive((train.values - train.before).std(axis=0))
    return lambda rows: np.asarray((np.abs(rows.values - rows.before) / scale).max(axis=1))


def fit_hotelling(train: Rows) -> Score:
    """Score Hotelling's T-squared: how far a row lies from the mean, in units of the covariance."""
    mean = train.values.mean(axis=0)
    precision = np.linalg.pinv(np.atleast_2d(np.cov(train.values.T)))
    return lambda rows: np.einsum("ni,ij,nj->n", rows.values - mean, precision, rows.values - mean)


def fit_isolation_forest(train: Rows) -> Score:
    """Score how few random cuts part a row from the others (Liu, Ting, Zhou, Isolation forest, ICDM 2008)."""
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(n_estimators=TREES, random_state=0).fit(train.values)
    return lambda rows: -np.asarray(forest.score_samples(rows.values))


def fit_seasonal_zscore(train: Rows) -> Score:
    """Score the distance from the mean of the same place in the season, in deviations; the greatest of all sensors."""
    places = int(train.phase.max()) + 1
    own = [train.values[train.phase == place] for place in range(places)]
    own = [values if len(values) > 1 else train.values for values in own]
    mean, scale = (np.stack([f(values, axis=0) for values in own]) for f in (np.mean, np.std))
    scale = np.where(scale > 0, scale, _positive(train.values.std(axis=0)))

    def score(rows: Rows) -> np.ndarray:
        place = np.minimum(rows.phase, places - 1)
        return np.asarray((np.abs(rows.values - mean[place]) / scale[place]).max(axis=1))

    return score


def _positive(scale: np.ndarray) -> np.ndarray:
    return np.where(scale > 0, scale, 1.0)


DETECTORS: dict[str, Callable[[Rows], Score]] = {
    "persistence": fit_persistence,
    "hotelling_t2": fit_hotelling,
    "isolation_forest": fit_isolation_forest,
    "seasonal_zscore": fit_seasonal_zscore,
}
