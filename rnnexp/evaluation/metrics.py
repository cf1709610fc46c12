"""Metrics of numbers, in the units of what they are given.

Arrays are (n, horizon, targets), or any two of the same shape. What is not defined is left out with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Undefined = dict[str, str]

NO_SCALE = "the training values do not vary from season to season, or are too few"


def mse(actual: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean((predicted - actual) ** 2))


def rmse(actual: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.sqrt(mse(actual, predicted)))


def mae(actual: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean(np.abs(predicted - actual)))


def mape(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean absolute error in percent of the actual values, none of which may be 0."""
    return float(100 * np.mean(np.abs((predicted - actual) / actual)))


def smape(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Return the symmetric error in percent, 0 to 200 (Makridakis et al., The M4 Competition, 2020, eq. 1).

    A forecast of 0 for 0 counts as no error.
    """
    size = np.abs(actual) + np.abs(predicted)
    return float(200 * np.mean(np.divide(np.abs(predicted - actual), size, out=np.zeros_like(size), where=size > 0)))


def r2(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Return 1 - squared error / squared deviation from each target's mean, averaged over targets."""
    flat_actual, flat_predicted = (a.reshape(-1, a.shape[-1]) for a in (actual, predicted))
    error = np.sum((flat_predicted - flat_actual) ** 2, axis=0)
    spread = np.sum((flat_actual - flat_actual.mean(axis=0)) ** 2, axis=0)
    return float(np.mean(1 - error / spread))


def naive_scale(insample: np.ndarray, season: int) -> np.ndarray:
    """Return the in-sample mean absolute error of the seasonal naive forecast, per column of (rows, columns).

    The denominator of MASE (Hyndman and Koehler, 2006); `season` 1 is the plain naive forecast.
    """
    return np.asarray(np.mean(np.abs(insample[season:] - insample[:-season]), axis=0))


def mase(actual: np.ndarray, predicted: np.ndarray, scale: np.ndarray, series: np.ndarray | None = None) -> float:
    """Return the absolute error in units of `scale`, averaged within each series and then over series.

    scale broadcasts against (n, horizon, targets); where it is not above 0, errors have no unit and are left out
    series: (n,) which series each example is of, None for one
    """
    usable = np.broadcast_to(scale > 0, actual.shape)
    error = np.divide(np.abs(predicted - actual), scale, out=np.zeros(actual.shape), where=usable)
    within = tuple(range(1, actual.ndim))
    counts = np.sum(usable, axis=within)
    each = np.sum(error, axis=within)[counts > 0] / counts[counts > 0]
    known = np.zeros(len(actual), dtype=int) if series is None else series
    groups = np.unique(known[counts > 0], return_inverse=True)[1]
    return float(np.mean(np.bincount(groups, each) / np.bincount(groups)))


def scores(
    actual: np.ndarray,
    predicted: np.ndarray,
    scale: np.ndarray | None = None,
    series: np.ndarray | None = None,
) -> tuple[dict[str, float], Undefined]:
    """Return every metric that is defined, and the reasons why the others are not; see `mase` for the last two."""
    found = {name: metric(actual, predicted) for name, metric in ALWAYS.items()}
    undefined: Undefined = {}
    if np.any(actual == 0):
        undefined["mape"] = f"{int(np.sum(actual == 0))} actual values are 0"
    else:
        found["mape"] = mape(actual, predicted)
    columns = actual.reshape(-1, actual.shape[-1])
    if len(columns) < 2 or np.any(np.ptp(columns, axis=0) == 0):
        undefined["r2"] = "the actual values do not vary"
    else:
        found["r2"] = r2(actual, predicted)
    if scale is None:
        return found, undefined
    if np.any(scale > 0):
        found["mase"] = mase(actual, predicted, scale, series)
    else:
        undefined["mase"] = NO_SCALE
    return found, undefined


ALWAYS = {"mse": mse, "rmse": rmse, "mae": mae, "smape": smape}


def prefixed(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f"{prefix}/{name}": value for name, value in values.items()}
