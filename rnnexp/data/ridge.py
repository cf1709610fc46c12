"""Ridge regression from what a network reads to what it should give, on the training examples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

MOST_EXAMPLES = 2**17  # of more, evenly spread ones
CHUNK_VALUES = 2**21  # bounds the memory of inputs that are gathered: 16 MB
PENALTIES = 10.0 ** np.arange(-6, 4)  # in units of the mean variance of an input, times the examples
STEADY = 1e-6  # share of the squares of the inputs

Batch = Callable[[Mapping[str, np.ndarray], Any], tuple[Any, Any, Any]]


def fit_ridge(
    batch: Batch, arrays: Mapping[str, np.ndarray], indices: np.ndarray, naive: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (inputs, outputs) and intercepts (outputs,) in float32, for inputs as `flatten_inputs` lays them.

    The penalty is the one of least generalized cross-validation (Golub, Heath and Wahba, Generalized cross-validation
    as a method for choosing a good ridge parameter, 1979), and so is what it shrinks the weights to: 0, or those of a
    naive forecast, (inputs, outputs). Examples count by their weights.
    """
    inputs = flatten_inputs(batch(arrays, indices[:1])[0]).shape[1]
    total, squares, sums, products = 0.0, 0.0, np.zeros(1), np.zeros((1, 1))
    for rows, weight in _yield_rows(batch, arrays, indices):
        weighed = rows * weight[:, None]
        total, squares = total + float(weight.sum()), squares + float((weight**2).sum())
        sums, products = sums + weighed.sum(axis=0), products + weighed.T @ rows
    count = total**2 / squares  # examples of equal weight that would say as much (Kish, Survey sampling, 1965)
    mean, products = sums / total, products * (count / total)
    power = float(np.trace(products[:inputs, :inputs])) / inputs
    products -= count * np.outer(mean, mean)
    gram, cross, own = products[:inputs, :inputs], products[:inputs, inputs:], products[inputs:, inputs:]
    starts = [np.zeros_like(cross), *([] if naive is None else [naive])]
    kernel = _choose(gram, cross, float(np.trace(own)), count, starts, STEADY * power)
    intercept = mean[inputs:] - mean[:inputs] @ kernel
    return kernel.astype(np.float32), intercept.astype(np.float32)


def flatten_inputs(x: Any) -> np.ndarray:
    """Lay the steps of each window side by side, and after them what is known of the steps to come: (b, inputs)."""
    parts = [x["past"], *([x["future"]] if "future" in x else [])] if isinstance(x, Mapping) else [x]
    return np.concatenate([np.asarray(part, np.float64).reshape(len(part), -1) for part in parts], axis=1)


def _yield_rows(
    batch: Batch, arrays: Mapping[str, np.ndarray], indices: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield inputs and outputs of some examples side by side, and the weights of these examples."""
    chosen, size = indices[:: -(-len(indices) // MOST_EXAMPLES)], 1
    while len(chosen):
        x, y, weight = batch(arrays, chosen[:size])
        rows = np.concatenate([flatten_inputs(x), np.asarray(y, np.float64).reshape(len(y), -1)], axis=1)
        weight = np.ones(len(rows)) if weight is None else np.asarray(weight, np.float64)
        yield rows, weight.reshape(len(rows), -1).mean(axis=1)
        chosen, size = chosen[size:], max(1, CHUNK_VALUES // rows.shape[1])


def _choose(
    gram: np.ndarray, cross: np.ndarray, spread: float, count: float, starts: Sequence[np.ndarray], floor: float
) -> np.ndarray:
    """Return the weights (inputs, outputs) of the start and penalty with the least error.

    gram, cross: products of the inputs with each other, and with the outputs, around their means
    spread: sum of the squares of the outputs around their means
    floor: below which the squares of the inputs around their means may be nothing but rounding
    """
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    scale, best, least = max(float(values.mean()), floor) or 1.0, starts[-1], np.inf
    for start in starts:
        missed = gram @ start
        along = vectors.T @ (cross - missed)
        unexplained = spread + float((start * (missed - 2 * cross)).sum())
        for penalty in PENALTIES[::-1] * scale:
            weights = along / (values + penalty)[:, None]
            left = unexplained + float((weights * (values[:, None] * weights - 2 * along)).sum())
            share = 1 - (1 + float((values / (values + penalty)).sum())) / count  # of the examples that are free
            if share > 0 and left / share**2 < least:
                best, least = start + vectors @ weights, left / share**2
    return best
