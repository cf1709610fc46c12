"""Which losses go with which data: of numbers, of classes, or of strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

# Each goes with data whose natural loss is of the same family; one of the other family would still give a number.
OF_CLASSES = ("cross_entropy", "token_cross_entropy")
OF_NUMBERS = ("huber", "log_cosh", "mae", "mape", "mse", "poisson", "quantile")
OF_STRINGS = ("ctc",)
FAMILIES = {OF_CLASSES: "classes", OF_NUMBERS: "numbers", OF_STRINGS: "strings"}


def find_quantiles(loss: Any) -> Sequence[float]:
    """Return the quantiles that a loss wants of each number, none if it wants one answer."""
    return getattr(loss, "quantiles", None) or ()


def mistakes(loss: Any, spec: Any) -> list[str]:
    """Return why a loss cannot be that of data of a TaskSpec; None for either says nothing, as does a user's loss."""
    name = getattr(loss, "name", None)
    if name is None or spec is None:
        return []
    fitting, given = (next((one for one in FAMILIES if loss in one), None) for loss in (spec.loss, name))
    if not fitting or not given:
        return []
    if fitting is given:
        reason = spec.unsummed() if getattr(loss, "sum_over_time", False) else ""
        return [f"loss.sum_over_time: true given, but {reason}; use false"] if reason else []
    if fitting is OF_NUMBERS:
        instead = f"use one of {', '.join(OF_NUMBERS)}"
        return [f"loss: `{name}` is of {FAMILIES[given]}, but the task is {spec.task}; {instead}"]
    return [f"loss: `{name}` given, but the task is {spec.task}, whose loss is {fitting[0]}; leave loss out"]
