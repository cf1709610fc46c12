"""Windows as index arithmetic over the series: nothing is cut out before a batch asks for it.

An example is named by the row where its input starts. The functions from arrays and starts to a batch use
indexing and array methods only, so that they run on NumPy arrays and inside a compiled JAX program alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from rnnexp.data.example_weights import take_weights
from rnnexp.data.large import number
from rnnexp.data.spec import InputSpec

# Reversible instance normalization, Kim et al. 2022, adds this to the variance of a window.
EPSILON = 1e-5
MAX_AHEAD = 100_000  # rows that a saved model may forecast: what a stranger writes must not take forever


@dataclass(frozen=True)
class Plan:
    """The shape of a window. Columns are ordered: targets, features, known ahead.

    horizon: rows that one output of the network covers; steps: times it is applied to reach the whole horizon
    window:  `none`, `last` or `instance`: what each window's targets are measured against
    """

    sequence_length: int
    horizon: int
    steps: int
    targets: int
    columns: int
    known: int = 0
    window: str = "none"
    layout: str = "windows"

    @property
    def ahead(self) -> int:
        """Rows to forecast."""
        return self.horizon * self.steps

    @property
    def span(self) -> int:
        """Rows of one window, inputs and targets."""
        return self.sequence_length + self.ahead

    def sound(self) -> bool:
        """Tell whether windows can have this shape, as those of every dataset do."""
        sizes = min(self.sequence_length, self.horizon, self.steps, self.targets) > 0 and self.ahead <= MAX_AHEAD
        columns = self.known >= 0 and self.targets + self.known <= self.columns
        ways = self.window in ("none", "last", "instance") and self.layout in ("windows", "sequence")
        alone = self.steps == 1 or (self.horizon == 1 and self.layout == "windows")
        return sizes and columns and ways and alone

    def inputs(self) -> dict[str, InputSpec]:
        """Say what a network is fed."""
        if self.layout == "sequence":
            lags = self.sequence_length * self.columns + self.horizon * self.known
            return {"past": InputSpec((None, lags))}
        past = {"past": InputSpec((self.sequence_length, self.columns))}
        return past | ({"future": InputSpec((self.horizon, self.known))} if self.known else {})

    def batch(self) -> Callable[[Mapping[str, Any], Any], tuple[Any, Any, Any]]:
        """Return the pure function from arrays and indices to (x, y, weight)."""
        return partial(sequence_batch if self.layout == "sequence" else window_batch, self)


def starts(plan: Plan, first: int, rows: tuple[int, int], stride: int) -> np.ndarray:
    """List the windows whose targets all lie in `rows`; their inputs may begin as early as row `first`."""
    earliest = max(first, rows[0] - plan.sequence_length)
    return number(earliest, rows[1] - plan.span + 1, stride)


def statistics(plan: Plan, past: Any) -> tuple[Any, Any]:
    """Return what the targets of a window are shifted and scaled by, each (b, 1, targets).

    Source of `instance`: Kim et al., Reversible instance normalization, ICLR 2022, without the affine part.
    """
    values = past[..., : plan.targets]
    if plan.window == "last":
        last = values[:, -1:]
        return last, last * 0 + 1
    mean = values.mean(axis=1, keepdims=True)
    variance = ((values - mean) ** 2).mean(axis=1, keepdims=True)
    return mean, (variance + EPSILON) ** 0.5


def window_batch(plan: Plan, arrays: Mapping[str, Any], indices: Any) -> tuple[Any, Any, Any]:
    """Gather windows: x (b, sequence_length, columns) or a dict with the future, y (b, horizon, targets), and weights
    (b, horizon), those of the first row that is forecast; None where each counts once.
    """
    past, future, y = _gather(plan, arrays, indices)
    weight = take_weights(arrays, indices)
    each = None if weight is None else weight[:, None] * np.ones((1, plan.horizon), np.float32)
    return ({"past": past, "future": future} if plan.known else past), y, each


def sequence_batch(plan: Plan, arrays: Mapping[str, Any], indices: Any) -> tuple[Any, Any, Any]:
    """Gather whole sequences: each step of x holds the lags (and known future) of one window.

    Returns x (b, steps, lags), y (b, steps, horizon, targets), weight (b, steps), with an axis for a horizon of more
    than one row: 0 outside the part.
    """
    begins = arrays["starts"][indices]
    past, future, y = _gather(plan, arrays, begins.reshape(-1))
    x = past.reshape(*begins.shape, -1)
    if plan.known:
        x = _join(x, future.reshape(*begins.shape, -1))
    weight, own = arrays["weight"][indices], take_weights(arrays, begins)
    weight = weight if own is None else weight * own
    if plan.horizon > 1:  # as many axes as the loss of each row that is forecast
        weight = weight[..., None] * np.ones((1, 1, plan.horizon), np.float32)
    return x, y.reshape(*begins.shape, plan.horizon, plan.targets), weight


def _gather(plan: Plan, arrays: Mapping[str, Any], begins: Any) -> tuple[Any, Any, Any]:
    values, rows = arrays["values"], begins[:, None] + np.arange(plan.sequence_length)
    later = begins[:, None] + np.arange(plan.sequence_length, plan.sequence_length + plan.horizon)
    past, after = values[rows], values[later]
    future, y = after[..., plan.columns - plan.known :], after[..., : plan.targets]
    if plan.window == "none":
        return past, future, y
    own = past[..., : plan.targets]
    if "low" in arrays:
        own, y = (_near_zero(arrays, rows, chosen, high) for chosen, high in ((rows, own), (later, y)))
    shift, scale = statistics(plan, own)
    return _normalized(plan, own, past, shift, scale), future, (y - shift) / scale


def _near_zero(arrays: Mapping[str, Any], rows: Any, chosen: Any, high: Any) -> Any:
    """Subtract the last value of the past `rows` with all its digits, where they are needed; see `precision.stored`."""
    last, low = rows[:, -1:], arrays["low"]
    return (high - arrays["anchor"][last]) + (low[chosen] - low[last])


def answers(plan: Plan, arrays: Mapping[str, Any], begins: np.ndarray) -> np.ndarray:
    """Return what a perfect network would answer for the whole horizon of windows, (b, ahead, targets)."""
    return np.asarray(_gather(replace(plan, horizon=plan.ahead), arrays, begins)[2])


def _normalized(plan: Plan, own: Any, past: Any, shift: Any, scale: Any) -> Any:
    targets = (own - shift) / scale
    return targets if plan.columns == plan.targets else _join(targets, past[..., plan.targets :])


def _join(left: Any, right: Any) -> Any:
    return left.__array_namespace__().concat([left, right], axis=-1)


def exact(arrays: Mapping[str, Any]) -> np.ndarray:
    """Return the values that `precision.stored` holds, (rows, columns): float64 where there are more than 7 digits."""
    values = np.asarray(arrays["values"])
    if "low" not in arrays:
        return values
    whole = values.astype(np.float64)
    whole[:, : arrays["low"].shape[1]] += arrays["low"]
    return whole


def roll(plan: Plan, predict: Callable[[Any], Any], arrays: Mapping[str, Any], indices: np.ndarray) -> np.ndarray:
    """Apply a network until the whole horizon is forecast, each answer appended to its next input.

    `predict` maps x to outputs; the result is (b, horizon, targets), or its outputs if one step will do.
    """
    if plan.steps == 1:
        return np.asarray(predict(plan.batch()(arrays, indices)[0]))
    values = exact(arrays)
    past = values[indices[:, None] + np.arange(plan.sequence_length)]
    ahead = values[indices[:, None] + np.arange(plan.sequence_length, plan.span)][..., plan.targets :]
    origin, answers = past, []
    for step in range(plan.steps):
        known = ahead[:, step : step + 1]
        answers.append(_one_step(plan, predict, past, known))
        past = np.concatenate([past[:, 1:], np.concatenate([answers[-1], known], axis=-1)], axis=1)
    rolled = np.concatenate(answers, axis=1)
    if plan.window == "none":
        return rolled
    shift, scale = statistics(plan, origin)
    return (rolled - shift) / scale


def _one_step(plan: Plan, predict: Callable[[Any], Any], past: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Answer in the units of the series, whatever the window is measured against; (b, 1, targets)."""
    shift, scale = (0.0, 1.0) if plan.window == "none" else statistics(plan, past)
    x = _normalized(plan, past[..., : plan.targets], past, shift, scale).astype(np.float32)
    answer = np.asarray(predict({"past": x, "future": known.astype(np.float32)} if plan.known else x), dtype=past.dtype)
    return answer * scale + shift


def padded(steps: list[np.ndarray], scored: list[np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """Lay the window starts of sequences of different length side by side, each (its steps,).

    Returns `starts` (sequences, longest), shorter ones going on with their last start, and `weight` of the
    same shape: 1 for the steps that are among `scored` (all by default), 0 elsewhere.
    """
    longest = max(len(own) for own in steps)
    begins = [np.concatenate([own, np.full(longest - len(own), own[-1])]) for own in steps]
    weights = [np.isin(own, good) for own, good in zip(steps, scored or steps)]
    weight = [np.concatenate([own, np.zeros(longest - len(own))]) for own in weights]
    return {"starts": np.stack(begins).astype(np.int32), "weight": np.stack(weight).astype(np.float32)}
