"""Metrics of numbers, in the units of what they are given.

Arrays are (n, horizon, targets), or any two of the same shape. What is not defined is left out with a reason.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnnexp.data.large import is_large, list_pieces, measure_spread

Undefined = dict[str, str]
Weight = np.ndarray | None  # (n,) how often each example counts, None: once

NO_DEVIATION = "the training values do not vary"
BEYOND = "it is too large or too small for a number"
NO_SCALE = "the training values do not vary from season to season, or are too few"


@dataclass(frozen=True)
class Units:
    """In what errors are measured besides their own units.

    scale:     of MASE, see `mase`;  deviation: of the training part, see `nrmse`; None where there is none
    series:    (n,) which series each example is of, None for one
    """

    scale: np.ndarray | None = None
    deviation: np.ndarray | None = None
    series: np.ndarray | None = None


def mse(actual: np.ndarray, predicted: np.ndarray, weight: Weight = None) -> float:
    mean, exponent = _mean_square(predicted - actual, weight)
    return float(np.ldexp(mean, 2 * exponent))


def rmse(actual: np.ndarray, predicted: np.ndarray, weight: Weight = None) -> float:
    mean, exponent = _mean_square(predicted - actual, weight)
    return float(np.ldexp(np.sqrt(mean), exponent))


def take_mean(values: np.ndarray, weight: Weight = None) -> float:
    """Return the mean of values (n, ...), in which example i counts `weight[i]` times."""
    if weight is None:
        return np.mean(values)
    return np.average(values.reshape(len(values), -1).mean(axis=1), weights=weight)


def _mean_square(values: np.ndarray, weight: Weight = None) -> tuple[np.ndarray, int]:
    """Return the mean square of values over a power of 4, and half its exponent: squares of 1e-200 would be 0.

    Powers of two change no digit.
    """
    exponent = int(np.frexp(np.max(np.abs(values)))[1])
    return np.asarray(take_mean(np.ldexp(values, -exponent) ** 2, weight)), exponent


def deviation(rows: np.ndarray) -> np.ndarray:
    """Return the standard deviation of each column of (rows, columns), 0 for one that does not vary."""
    if is_large(len(rows)):
        return measure_spread(rows)[1]
    centered = rows - rows.mean(axis=0)
    found = [np.ldexp(np.sqrt(mean), exponent) for mean, exponent in map(_mean_square, centered.T)]
    return np.where(np.ptp(rows, axis=0) > 0, found, 0.0)


def nrmse(actual: np.ndarray, predicted: np.ndarray, deviation: np.ndarray, weight: Weight = None) -> float:
    """Return the root mean squared error of each target in deviations of its training part, averaged over targets.

    deviation broadcasts against (n, horizon, targets); where it is not above 0, errors have no unit and are left out
    """
    usable = np.broadcast_to(deviation > 0, actual.shape)
    error = np.divide(predicted - actual, deviation, out=np.zeros(actual.shape), where=usable)
    targets = [
        rmse(np.zeros(int(used.sum())), one[used], None if weight is None else _repeat(weight, used)[used])
        for one, used in zip(_by_target(error), _by_target(usable))
        if used.any()
    ]
    return float(np.mean(targets))


def _repeat(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the weights of values (n * steps, ...) of which each example has several."""
    return np.repeat(weight, len(values) // len(weight))


def measure_error(actual: np.ndarray, predicted: np.ndarray, deviation: np.ndarray | None = None) -> float:
    """Return one number for all errors: their root mean square, over the deviations of the targets if these are given.

    It is not finite where no deviation is above 0.
    """
    if deviation is None:
        return rmse(actual, predicted)
    return nrmse(actual, predicted, deviation) if np.any(deviation > 0) else math.nan


def _by_target(values: np.ndarray) -> np.ndarray:
    return values.reshape(-1, values.shape[-1]).T


def mae(actual: np.ndarray, predicted: np.ndarray, weight: Weight = None) -> float:
    return float(take_mean(np.abs(predicted - actual), weight))


def mape(actual: np.ndarray, predicted: np.ndarray, weight: Weight = None) -> float:
    """Return the mean absolute error in percent of the actual values, none of which may be 0."""
    return float(100 * take_mean(np.abs((predicted - actual) / actual), weight))


def smape(actual: np.ndarray, predicted: np.ndarray, weight: Weight = None) -> float:
    """Return the symmetric error in percent, 0 to 200 (Makridakis et al., The M4 Competition, 2020, eq. 1).

    A forecast of 0 for 0 counts as no error.
    """
    size = np.abs(actual) + np.abs(predicted)
    return float(
        200 * take_mean(np.divide(np.abs(predicted - actual), size, out=np.zeros_like(size), where=size > 0), weight)
    )


def r2(actual: np.ndarray, predicted: np.ndarray, weight: Weight = None) -> float:
    """Return 1 - squared error / squared deviation from each target's mean, averaged over targets."""
    flat_actual, flat_predicted = (a.reshape(-1, a.shape[-1]) for a in (actual, predicted))
    often = 1 if weight is None else _repeat(weight, flat_actual)[:, None]
    level = flat_actual.mean(axis=0) if weight is None else np.sum(often * flat_actual, axis=0) / np.sum(often)
    centered = flat_actual - level
    exponents = np.frexp(np.max(np.abs(centered), axis=0))[1]  # squares of 1e-200 would be 0
    error = np.sum(often * np.ldexp(flat_predicted - flat_actual, -exponents) ** 2, axis=0)
    spread = np.sum(often * np.ldexp(centered, -exponents) ** 2, axis=0)
    return float(np.mean(1 - error / spread))


def naive_scale(insample: np.ndarray, season: int) -> np.ndarray:
    """Return the in-sample mean absolute error of the seasonal naive forecast, per column of (rows, columns).

    The denominator of MASE (Hyndman and Koehler, 2006); `season` 1 is the plain naive forecast.
    """
    later, before = insample[season:], insample[:-season]
    if not is_large(len(later)):
        return np.asarray(np.mean(np.abs(later - before), axis=0))
    sums = [np.abs(later[piece] - before[piece]).sum(axis=0) for piece in list_pieces(len(later))]
    return np.asarray(np.sum(sums, axis=0) / len(later))


def mase(
    actual: np.ndarray,
    predicted: np.ndarray,
    scale: np.ndarray,
    series: np.ndarray | None = None,
    weight: Weight = None,
) -> float:
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
    often = np.ones(len(each)) if weight is None else weight[counts > 0]
    total = np.bincount(groups, often)
    return float(np.mean(np.bincount(groups, each * often)[total > 0] / total[total > 0]))


def scores(
    actual: np.ndarray, predicted: np.ndarray, units: Units = Units(), weight: Weight = None
) -> tuple[dict[str, float], Undefined]:
    """Return every metric that is defined, and the reasons why the others are not."""
    undefined: Undefined = {}
    with np.errstate(all="ignore"):  # what is beyond all numbers is left out below
        found = {name: metric(actual, predicted, weight) for name, metric in ALWAYS.items()}
        if np.any(actual == 0):
            undefined["mape"] = f"{int(np.sum(actual == 0))} actual values are 0"
        else:
            found["mape"] = mape(actual, predicted, weight)
        columns = actual.reshape(-1, actual.shape[-1])
        if len(columns) < 2 or np.any(np.ptp(columns, axis=0) == 0):
            undefined["r2"] = "the actual values do not vary"
        else:
            found["r2"] = r2(actual, predicted, weight)
        if units.scale is not None and np.any(units.scale > 0):
            found["mase"] = mase(actual, predicted, units.scale, units.series, weight)
        elif units.scale is not None:
            undefined["mase"] = NO_SCALE
        if units.deviation is not None and np.any(units.deviation > 0):
            found["nrmse"] = nrmse(actual, predicted, units.deviation, weight)
        elif units.deviation is not None:
            undefined["nrmse"] = NO_DEVIATION
    beyond = [name for name, value in found.items() if not _holds(name, value, found["rmse"])]
    undefined |= {name: BEYOND for name in beyond}
    return {name: value for name, value in found.items() if name not in beyond}, undefined


def _holds(name: str, value: float, rmse: float) -> bool:
    """Say whether a number holds a metric; the square of an error may be too small for one."""
    return math.isfinite(value) and (name != "mse" or value >= sys.float_info.min or rmse == 0)


ALWAYS = {"mse": mse, "rmse": rmse, "mae": mae, "smape": smape}


def prefixed(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f"{prefix}/{name}": value for name, value in values.items()}
