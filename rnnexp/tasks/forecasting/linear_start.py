"""The linear forecast from which a network starts: fitted to its windows, in the units of the scaled series."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from rnnexp.data.dataset import Part
from rnnexp.data.ridge import fit_ridge
from rnnexp.tasks.forecasting.windows import Plan, statistics, window_batch


def fit_windows(plan: Plan, train: Part, val: Part | None) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (inputs, outputs) and intercepts (outputs,) of ridge regression, as `fit_ridge` does.

    Weights shrink to those of the last value, if that is better. A window that is scaled by its own deviation counts by
    the square of that: unweighted, the errors of quiet windows, which are small in any unit, would decide.
    """
    return fit_ridge(partial(weigh_windows, plan), train, val, make_naive_weights(plan))


def weigh_windows(plan: Plan, arrays: Mapping[str, Any], indices: np.ndarray) -> tuple[Any, Any, np.ndarray]:
    """Gather windows as `window_batch` does, with a weight each, (b,)."""
    x, y, weight = window_batch(plan, arrays, indices)
    each = np.ones(len(indices)) if weight is None else weight[:, 0].astype(np.float64)
    if plan.window == "instance":
        rows = indices[:, None] + np.arange(plan.sequence_length)
        _, scale = statistics(plan, np.asarray(arrays["values"])[rows, : plan.targets])
        each = each * (scale**2).mean(axis=(1, 2))
    return x, y, each


def make_naive_weights(plan: Plan) -> np.ndarray:
    """Return the weights (inputs, outputs) by which each target is forecast to stay at its last value."""
    inputs, last = plan.sequence_length * plan.columns, (plan.sequence_length - 1) * plan.columns
    weights = np.zeros((inputs + plan.horizon * plan.known, plan.horizon, plan.targets))
    for target in range(plan.targets):
        weights[last + target, :, target] = 1.0
    return weights.reshape(len(weights), -1)
