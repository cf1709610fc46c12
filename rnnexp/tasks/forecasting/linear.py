"""The linear baseline: ridge regression on the same inputs, and where there are enough rows on one season of lags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnexp.tasks.forecasting.baselines import Undefined, whole_series
from rnnexp.tasks.forecasting.dataset import SeriesDataset

PENALTY = 1e-4  # in units of standardized inputs: enough to solve, too little to shrink
CHUNK_VALUES = 2_000_000  # bounds the memory of gathered inputs: 16 MB, twice while they are gathered
BLOCK = 512  # columns of the normal equations that are added up at once
MOST_INPUTS = 6_000  # the normal equations take 8 bytes * inputs ** 2, twice while they are solved: 0.6 GB
FEWEST_WINDOWS = 3


@dataclass(frozen=True)
class Inputs:
    """What the regression sees of a dataset.

    table: (rows, columns) standardized with the training rows of each series; targets first
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

    @property
    def width(self) -> int:
        """Return the number of inputs of one regression, the intercept included."""
        known = self.table.shape[1] - self.targets - self.features
        return self.lags + (0 if self.shared else self.window * self.features + self.horizon * known) + 1

    def series_of(self, origins: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.offsets, origins, side="right") - 1

    def complete(self, origins: np.ndarray) -> np.ndarray:
        """Say of each origin whether all its lags lie in its series."""
        return origins - self.lags + 1 >= self.offsets[self.series_of(origins)]


def forecast(dataset: SeriesDataset, origins: np.ndarray) -> np.ndarray:
    """Fit on the windows of the training part and forecast from `origins`: (n, horizon, targets), original units.

    Each target column is predicted from its own lags, see `lags`; one regression is shared by all targets and
    series. With further inputs each target has its own. A series without training rows gets its last value.
    """
    own, plan = dataset.trained_on, dataset.pipeline.plan
    if own is None:
        raise Undefined("there is no training part")
    fitted = trained(dataset, origins)
    if not fitted.any():
        raise Undefined("no series that is forecast has training rows")
    found = np.repeat(dataset.table[origins, : plan.targets][:, None], plan.ahead, axis=1)
    used = lags_of(dataset, origins)
    for count in np.unique(used[fitted]):
        chosen = fitted & (used == count)
        found[chosen] = _regressed(dataset, own, origins[chosen], int(count))
    return found


def _regressed(dataset: SeriesDataset, own: SeriesDataset, origins: np.ndarray, lags: int) -> np.ndarray:
    fitted = _inputs(own, lags)
    inputs = fitted if own is dataset else _inputs(dataset, lags)
    if inputs.width > MOST_INPUTS:
        raise Undefined(f"a regression on {inputs.width:,} inputs takes too much memory; the most is {MOST_INPUTS:,}")
    train = own.starts("train") + inputs.window - 1
    train = train[fitted.complete(train)]
    if len(train) < FEWEST_WINDOWS:
        raise Undefined(f"there are only {len(train)} training windows")
    found = np.empty((len(origins), inputs.horizon, inputs.targets))
    each = [slice(0, inputs.targets)] if inputs.shared else [slice(j, j + 1) for j in range(inputs.targets)]
    for columns in each:
        _predict(inputs, origins, _fit(fitted, train, columns), columns, found)
    return found


def trained(dataset: SeriesDataset, origins: np.ndarray) -> np.ndarray:
    """Say of each origin whether the regression may speak for its series, (n,): one of the training has rows there."""
    empty = [part is not None and not len(part) for part in dataset.training_rows()]
    return ~np.array(empty)[dataset.history.series_of(origins)]


def lags_of(dataset: SeriesDataset, origins: np.ndarray) -> np.ndarray:
    """Return for each origin how many rows of its own past each target is predicted from, (n,).

    At least as many as the network sees; one season and one row, if that is more, where every forecast of the series
    and enough training windows have that many rows before them.
    """
    window, own = dataset.pipeline.plan.sequence_length, dataset.trained_on or dataset
    wanted = wanted_lags(dataset)
    train = _rows_before(own, own.starts("train") + window - 1)
    firsts = dataset.history.offsets[dataset.history.series_of(origins)]
    there = whole_series(firsts, _rows_before(dataset, origins) >= wanted)
    return np.where(there & (np.sum(train >= wanted) >= FEWEST_WINDOWS), wanted, window)


def wanted_lags(dataset: SeriesDataset) -> int:
    return max(dataset.pipeline.plan.sequence_length, (dataset.season or 0) + 1)


def _rows_before(dataset: SeriesDataset, origins: np.ndarray) -> np.ndarray:
    """Count the rows of its series up to each origin, itself included."""
    return np.asarray(origins - dataset.history.offsets[dataset.history.series_of(origins)] + 1)


def _inputs(dataset: SeriesDataset, lags: int) -> Inputs:
    plan, offsets, own = dataset.pipeline.plan, dataset.history.offsets, dataset.trained_on or dataset
    table, known = (one.pipeline.with_calendar(one.table, one.history.time) for one in (dataset, own))
    # Units of a series that training has no rows of are those of all others together.
    pooled = np.concatenate([known[first:last] for first, last in own.borders["train"]])
    parts = [pooled if part is None or not len(part) else part for part in dataset.training_rows(known)]
    mean = np.stack([part.mean(axis=0) for part in parts])
    scale = np.stack([part.std(axis=0) for part in parts])
    # Rounding leaves the deviation of a constant column above 0, the more so the larger its values.
    scale[[np.ptp(part, axis=0) == 0 for part in parts]] = 1.0
    series = np.repeat(np.arange(len(parts)), np.diff(offsets))
    return Inputs(
        table=(table - mean[series]) / scale[series],
        mean=mean,
        scale=scale,
        offsets=offsets,
        lags=lags,
        window=plan.sequence_length,
        horizon=plan.ahead,
        targets=plan.targets,
        features=plan.columns - plan.targets - plan.known,
        shared=plan.columns == plan.targets,
    )


def _fit(inputs: Inputs, origins: np.ndarray, columns: slice) -> np.ndarray:
    """Solve the normal equations, added up chunk by chunk; the last row of the weights is the intercept."""
    gram = np.zeros((inputs.width, inputs.width))
    cross = np.zeros((inputs.width, inputs.horizon))
    for chunk in _chunks(inputs, origins, columns):
        x = _design(inputs, chunk, columns)
        cross += x.T @ _rows(inputs.table[:, columns], chunk + 1, inputs.horizon)
        for first in range(0, inputs.width, BLOCK):  # on and below the diagonal; what is above is the same
            gram[first:, first : first + BLOCK] += x[:, first:].T @ x[:, first : first + BLOCK]
    for first in range(0, inputs.width, BLOCK):
        gram[first : first + BLOCK, first:] = gram[first:, first : first + BLOCK].T
    gram[np.diag_indices(inputs.width - 1)] += PENALTY
    return np.linalg.solve(gram, cross)


def _predict(inputs: Inputs, origins: np.ndarray, weights: np.ndarray, columns: slice, found: np.ndarray) -> None:
    """Write forecasts in original units into these columns of `found`, (n, horizon, targets)."""
    done = 0
    for chunk in _chunks(inputs, origins, columns):
        series, shape = inputs.series_of(chunk), (len(chunk), -1, inputs.horizon)
        values = (_design(inputs, chunk, columns) @ weights).reshape(shape).transpose(0, 2, 1)
        mean, scale = (of[series][:, None, columns] for of in (inputs.mean, inputs.scale))
        found[done : done + len(chunk), :, columns] = values * scale + mean
        done += len(chunk)


def _chunks(inputs: Inputs, origins: np.ndarray, columns: slice) -> Iterator[np.ndarray]:
    values = (columns.stop - columns.start) * max(inputs.width, inputs.horizon)
    size = max(1, CHUNK_VALUES // values)
    for begin in range(0, len(origins), size):
        yield origins[begin : begin + size]


def _design(inputs: Inputs, origins: np.ndarray, columns: slice) -> np.ndarray:
    """Return one row per origin and target column: own lags, other columns, a one for the intercept."""
    x = np.ones((len(origins) * (columns.stop - columns.start), inputs.width))
    x[:, : inputs.lags] = _rows(inputs.table[:, columns], origins - inputs.lags + 1, inputs.lags)
    if not inputs.shared:
        first, known = inputs.targets, inputs.targets + inputs.features
        middle = inputs.lags + inputs.window * inputs.features
        past = _rows(inputs.table[:, first:known], origins - inputs.window + 1, inputs.window)
        x[:, inputs.lags : middle] = past.reshape(len(origins), -1)
        x[:, middle:-1] = _rows(inputs.table[:, known:], origins + 1, inputs.horizon).reshape(len(origins), -1)
    return x


def _rows(table: np.ndarray, begins: np.ndarray, count: int) -> np.ndarray:
    """Return `count` rows from each of `begins`: (n * columns, count), each column a row of its own."""
    windows = np.lib.stride_tricks.sliding_window_view(table, count, axis=0)
    return windows[begins].reshape(-1, count)
