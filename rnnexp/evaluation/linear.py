"""The linear baseline: ridge regression on the same inputs, and on at least one season of lags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnexp.data.forecasting import SeriesDataset
from rnnexp.evaluation.baselines import Undefined

PENALTY = 1e-4  # in units of standardised inputs: enough to solve, too little to shrink
CHUNK_VALUES = 4_000_000  # bounds the memory of gathered lags: about 32 MB
FEWEST_WINDOWS = 3


@dataclass(frozen=True)
class Inputs:
    """What the regression sees of a dataset.

    table: (rows, columns) standardised with the training rows of each series; targets first
    mean, scale: (series, columns);  lags: rows of each target's own past
    shared: one regression for all targets, on own lags alone; otherwise one per target, on other columns too
    """

    table: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    offsets: np.ndarray
    lags: int
    window: int
    horizon: int
    targets: int
    features: int
    shared: bool

    def series_of(self, origins: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.offsets, origins, side="right") - 1

    def complete(self, origins: np.ndarray) -> np.ndarray:
        """Say of each origin whether all its lags lie in its series."""
        return origins - self.lags + 1 >= self.offsets[self.series_of(origins)]


def forecast(dataset: SeriesDataset, origins: np.ndarray) -> np.ndarray:
    """Fit on the windows of the training part and forecast from `origins`: (n, horizon, targets), original units.

    Each target column is predicted from its own lags, as many as the network sees and at least one season and one
    row; one regression is shared by all targets and series. With further inputs each target has its own.
    """
    inputs = _inputs(dataset)
    train = dataset.starts("train") + inputs.window - 1
    train = train[inputs.complete(train)]
    if len(train) < FEWEST_WINDOWS:
        raise Undefined(f"only {len(train)} training windows have {inputs.lags} rows before them")
    if not inputs.complete(origins).all():
        raise Undefined(f"a forecast has fewer than {inputs.lags} rows before it")
    each = [slice(0, inputs.targets)] if inputs.shared else [slice(j, j + 1) for j in range(inputs.targets)]
    found = [_predict(inputs, origins, _fit(inputs, train, columns), columns) for columns in each]
    series = inputs.series_of(origins)
    mean, scale = (
        inputs.mean[series][:, None, : inputs.targets],
        inputs.scale[series][:, None, : inputs.targets],
    )
    return np.concatenate(found, axis=2) * scale + mean


def _inputs(dataset: SeriesDataset) -> Inputs:
    plan, offsets, rows = dataset.pipeline.plan, dataset.history.offsets, dataset.borders["train"]
    if np.any(rows[:, 1] <= rows[:, 0]):
        raise Undefined(f"{int(np.sum(rows[:, 1] <= rows[:, 0]))} series have no training rows")
    table = dataset.pipeline.with_calendar(dataset.table, dataset.history.time)
    parts = [table[first:last] for first, last in rows]
    mean = np.stack([part.mean(axis=0) for part in parts])
    scale = np.stack([part.std(axis=0) for part in parts])
    scale[scale == 0] = 1.0
    series = np.repeat(np.arange(len(parts)), np.diff(offsets))
    return Inputs(
        table=(table - mean[series]) / scale[series],
        mean=mean,
        scale=scale,
        offsets=offsets,
        lags=max(plan.sequence_length, (dataset.season or 0) + 1),
        window=plan.sequence_length,
        horizon=plan.ahead,
        targets=plan.targets,
        features=plan.columns - plan.targets - plan.known,
        shared=plan.columns == plan.targets,
    )


def _fit(inputs: Inputs, origins: np.ndarray, columns: slice) -> np.ndarray:
    """Solve the normal equations, added up chunk by chunk; the last row of the weights is the intercept."""
    gram: np.ndarray | float = 0.0
    cross: np.ndarray | float = 0.0
    for chunk in _chunks(inputs, origins):
        x = _design(inputs, chunk, columns)
        y = _gathered(inputs.table, chunk, np.arange(1, inputs.horizon + 1), columns)
        gram, cross = gram + x.T @ x, cross + x.T @ y
    penalty = np.full(len(gram), PENALTY)  # type: ignore[arg-type]
    penalty[-1] = 0.0
    return np.linalg.solve(gram + np.diag(penalty), cross)


def _predict(inputs: Inputs, origins: np.ndarray, weights: np.ndarray, columns: slice) -> np.ndarray:
    width = columns.stop - columns.start
    found = [_design(inputs, chunk, columns) @ weights for chunk in _chunks(inputs, origins)]
    return np.concatenate(found).reshape(len(origins), width, inputs.horizon).transpose(0, 2, 1)


def _chunks(inputs: Inputs, origins: np.ndarray) -> Iterator[np.ndarray]:
    size = max(1, CHUNK_VALUES // (inputs.lags * inputs.table.shape[1]))
    for begin in range(0, len(origins), size):
        yield origins[begin : begin + size]


def _design(inputs: Inputs, origins: np.ndarray, columns: slice) -> np.ndarray:
    """Return one row per origin and target column: own lags, other columns, a one for the intercept."""
    blocks = [_gathered(inputs.table, origins, np.arange(1 - inputs.lags, 1), columns)]
    if not inputs.shared:
        others = slice(inputs.targets, inputs.targets + inputs.features)
        known = slice(inputs.targets + inputs.features, None)
        past, ahead = np.arange(1 - inputs.window, 1), np.arange(1, inputs.horizon + 1)
        blocks += [_flat(inputs.table, origins, past, others), _flat(inputs.table, origins, ahead, known)]
    return np.concatenate([*blocks, np.ones((len(blocks[0]), 1))], axis=1)


def _gathered(table: np.ndarray, origins: np.ndarray, steps: np.ndarray, columns: slice) -> np.ndarray:
    """Return (n * columns, steps): each target column is a row of its own."""
    values = table[:, columns][origins[:, None] + steps]
    return values.transpose(0, 2, 1).reshape(-1, len(steps))


def _flat(table: np.ndarray, origins: np.ndarray, steps: np.ndarray, columns: slice) -> np.ndarray:
    return table[:, columns][origins[:, None] + steps].reshape(len(origins), -1)
