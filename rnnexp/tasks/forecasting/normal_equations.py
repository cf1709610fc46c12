"""Ridge regression from windows of rows to the rows that follow them, in memory that does not grow with either."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

PENALTY = 1e-4  # in units of standardized inputs: enough to solve, too little to shrink
CHUNK_VALUES = 2_000_000  # bounds the memory of gathered inputs: 16 MB, twice while they are gathered
BLOCK = 512  # columns of the normal equations that are added up at once


@dataclass(frozen=True)
class Inputs:
    """What the regression sees of a dataset.

    table: (rows, columns) in original units; targets first
    mean, scale: (series, columns) of the training rows, by which inputs are standardized
    lags:  rows of each target's own past
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

    def groups(self) -> list[slice]:
        """Return the target columns of each regression."""
        return [slice(0, self.targets)] if self.shared else [slice(j, j + 1) for j in range(self.targets)]

    def series_of(self, origins: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.offsets, origins, side="right") - 1

    def complete(self, origins: np.ndarray) -> np.ndarray:
        """Say of each origin whether all its lags lie in its series."""
        return origins - self.lags + 1 >= self.offsets[self.series_of(origins)]


def fit_weights(inputs: Inputs, origins: np.ndarray, columns: slice) -> np.ndarray:
    """Solve the normal equations, added up chunk by chunk; the last row of the weights is the intercept."""
    gram = np.zeros((inputs.width, inputs.width))
    cross = np.zeros((inputs.width, inputs.horizon))
    for chunk in _chunks(inputs, origins, columns):
        x = _design(inputs, chunk, columns)
        cross += x.T @ _rows(inputs, columns, chunk, 1, inputs.horizon)
        for first in range(0, inputs.width, BLOCK):  # on and below the diagonal; what is above is the same
            gram[first:, first : first + BLOCK] += x[:, first:].T @ x[:, first : first + BLOCK]
    for first in range(0, inputs.width, BLOCK):
        gram[first : first + BLOCK, first:] = gram[first:, first : first + BLOCK].T
    gram[np.diag_indices(inputs.width - 1)] += PENALTY
    return np.linalg.solve(gram, cross)


def predict(inputs: Inputs, origins: np.ndarray, weights: np.ndarray, columns: slice, found: np.ndarray) -> None:
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
    x[:, : inputs.lags] = _rows(inputs, columns, origins, 1 - inputs.lags, inputs.lags)
    if not inputs.shared:
        first, known = inputs.targets, inputs.targets + inputs.features
        features, ahead = slice(first, known), slice(known, inputs.table.shape[1])
        middle = inputs.lags + inputs.window * inputs.features
        past = _rows(inputs, features, origins, 1 - inputs.window, inputs.window)
        x[:, inputs.lags : middle] = past.reshape(len(origins), -1)
        x[:, middle:-1] = _rows(inputs, ahead, origins, 1, inputs.horizon).reshape(len(origins), -1)
    return x


def _rows(inputs: Inputs, columns: slice, origins: np.ndarray, first: int, count: int) -> np.ndarray:
    """Return `count` standardized rows from `first` after each origin: (n * columns, count), each column a row."""
    windows = np.lib.stride_tricks.sliding_window_view(inputs.table[:, columns], count, axis=0)
    series = inputs.series_of(origins)
    mean, scale = (of[series][:, columns, None] for of in (inputs.mean, inputs.scale))
    found = windows[origins + first]
    found -= mean
    found /= scale
    return found.reshape(-1, count)
