"""Ridge regression from what a network reads to what it should give: a linear forecast for it to start from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

MOST_EXAMPLES = 2**17  # of more, evenly spread ones
CHUNK_VALUES = 2**21  # bounds the memory of inputs that are gathered: 16 MB
PENALTIES = 10.0 ** np.arange(-6, 4)  # in units of the mean variance of an input, times the examples
STEADY = 1e-6  # share of the squares of the inputs: below it those around their means may be nothing but rounding

Arrays = Mapping[str, np.ndarray]
Batch = Callable[[Arrays, Any], tuple[Any, Any, Any]]
Fit = tuple[np.ndarray, np.ndarray, float]  # weights, intercepts, and the squared error that is to be expected


class ChosenExamples(Protocol):
    """Arrays, and which of their examples are meant."""

    @property
    def arrays(self) -> Arrays: ...

    @property
    def indices(self) -> np.ndarray: ...


@dataclass(frozen=True)
class Moments:
    """Means of inputs and outputs side by side, and sums of products around them, over examples that count by weights.

    count: examples of equal weight that would say as much (Kish, Survey sampling, 1965);  inputs: how many come first
    """

    count: float
    inputs: int
    mean: np.ndarray
    products: np.ndarray

    def sum_errors(self, kernel: np.ndarray, intercept: np.ndarray) -> float:
        """Return the sum of the squared errors of a linear function."""
        first, last = slice(self.inputs), slice(self.inputs, None)
        gram, cross, own = self.products[first, first], self.products[first, last], self.products[last, last]
        around = float(np.trace(own)) + float((kernel * (gram @ kernel - 2 * cross)).sum())
        missed = self.mean[last] - self.mean[first] @ kernel - intercept
        return around + self.count * float((missed**2).sum())


def fit_ridge(
    batch: Batch, train: ChosenExamples, val: ChosenExamples | None = None, naive: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (inputs, outputs) and intercepts (outputs,) in float32, for inputs as `flatten_inputs` lays them.

    The penalty is the one of the least squared error: that of the training examples by generalized cross-validation
    (Golub, Heath and Wahba, Generalized cross-validation as a method for choosing a good ridge parameter, 1979), and
    that of validation examples, which fit nothing. So is what it shrinks the weights to: 0, or those of a naive
    forecast, (inputs, outputs), which may also be the answer as it is. Examples count by their weights.
    """
    held_out = _measure(batch, val) if val is not None else None

    def sum_all(fit: Fit) -> float:
        kernel, intercept, error = fit
        return error + (held_out.sum_errors(kernel, intercept) if held_out else 0.0)

    kernel, intercept, _ = min(_yield_fits(_measure(batch, train), naive), key=sum_all)
    return kernel.astype(np.float32), intercept.astype(np.float32)


def flatten_inputs(x: Any) -> np.ndarray:
    """Lay the steps of each window side by side, and after them what is known of the steps to come: (b, inputs)."""
    parts = [x["past"], *([x["future"]] if "future" in x else [])] if isinstance(x, Mapping) else [x]
    return np.concatenate([np.asarray(part, np.float64).reshape(len(part), -1) for part in parts], axis=1)


def _measure(batch: Batch, examples: ChosenExamples) -> Moments:
    inputs = flatten_inputs(batch(examples.arrays, examples.indices[:1])[0]).shape[1]
    total, squares, sums, products = 0.0, 0.0, np.zeros(1), np.zeros((1, 1))
    for rows, weight in _yield_rows(batch, examples):
        weighed = rows * weight[:, None]
        total, squares = total + float(weight.sum()), squares + float((weight**2).sum())
        sums, products = sums + weighed.sum(axis=0), products + weighed.T @ rows
    count, mean = total**2 / squares, sums / total
    return Moments(count, inputs, mean, products * (count / total) - count * np.outer(mean, mean))


def _yield_rows(batch: Batch, examples: ChosenExamples) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield inputs and outputs of some examples side by side, and the weights of these examples."""
    chosen, size = examples.indices[:: -(-len(examples.indices) // MOST_EXAMPLES)], 1
    while len(chosen):
        x, y, weight = batch(examples.arrays, chosen[:size])
        rows = np.concatenate([flatten_inputs(x), np.asarray(y, np.float64).reshape(len(y), -1)], axis=1)
        weight = np.ones(len(rows)) if weight is None else np.asarray(weight, np.float64)
        yield rows, weight.reshape(len(rows), -1).mean(axis=1)
        chosen, size = chosen[size:], max(1, CHUNK_VALUES // rows.shape[1])


def _yield_fits(examples: Moments, naive: np.ndarray | None) -> Iterator[Fit]:
    """Yield a fit for each penalty, the strongest first, and before them one without any input, or the naive one."""
    inputs, count = examples.inputs, examples.count
    gram, cross = examples.products[:inputs, :inputs], examples.products[:inputs, inputs:]
    values, vectors = np.linalg.eigh(gram)
    values = np.maximum(values, 0.0)
    power = float(values.sum() + count * (examples.mean[:inputs] ** 2).sum()) / inputs
    scale = max(float(values.mean()), STEADY * power) or 1.0

    def center(kernel: np.ndarray) -> np.ndarray:
        intercept: np.ndarray = examples.mean[inputs:] - examples.mean[:inputs] @ kernel
        return intercept

    none = np.zeros_like(cross)
    if naive is None:
        yield none, center(none), np.inf  # for want of any other
    else:
        yield naive, none[0], examples.sum_errors(naive, none[0])
    for start in [none, *([] if naive is None else [naive])]:
        along = vectors.T @ (cross - gram @ start)
        unexplained = examples.sum_errors(start, center(start))
        for penalty in PENALTIES[::-1] * scale:
            weights = along / (values + penalty)[:, None]
            left = unexplained + float((weights * (values[:, None] * weights - 2 * along)).sum())
            share = 1 - (1 + float((values / (values + penalty)).sum())) / count  # of the examples that are free
            if share > 0:
                kernel = start + vectors @ weights
                yield kernel, center(kernel), left / share**2
