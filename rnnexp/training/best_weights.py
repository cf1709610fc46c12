"""Which epoch's weights a model has in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import numpy as np

from rnnexp.errors import DivergedError
from rnnexp.training.monitor import LOSSES, BestValue
from rnnexp.training.training_state import TrainingState

Values = list[np.ndarray]


class BestWeights:
    """Hold the weights to end with, in memory: the best epoch's, or without validation the last
    finite one's.
    """

    def __init__(self, monitor: str, keep_best: bool, initial: Values) -> None:
        self.best_value = BestValue(monitor)
        self.keep_best = keep_best
        self.values = initial
        self.epoch = 0

    def update(self, epoch: int, value: float, values: Callable[[], Values]) -> bool:
        """Take in the monitored `value` of a finite epoch; return whether it is the best so far.

        Weights that are not finite, though the losses still were, raise FloatingPointError: the next epoch
        could only be worse.
        """
        is_best = self.best_value.update(value, epoch)
        if is_best or not self.keep_best:
            candidate = values()
            if not all(np.isfinite(array).all() for array in candidate):
                raise FloatingPointError
            self.values, self.epoch = candidate, epoch
        return is_best

    def numbers(self) -> dict[str, float]:
        """Return what is remembered beside the weights."""
        best = self.best_value
        return {"kept_epoch": self.epoch, "best": best.best, "best_epoch": best.best_epoch, "waited": best.epochs}

    def restore(self, values: Values, numbers: Mapping[str, Any]) -> None:
        """Take over weights, and what `numbers` has returned beside them."""
        best = self.best_value
        self.values, self.epoch = values, numbers["kept_epoch"]
        best.best, best.best_epoch, best.epochs = numbers["best"], numbers["best_epoch"], numbers["waited"]


def handle_divergence(state: TrainingState, broken: str, on_divergence: str) -> None:
    """Raise DivergedError for a training that has met infinity, if that is wished."""
    if on_divergence == "fail":
        rate = state.metrics["opt/learning_rate"]
        raise DivergedError(
            f"epoch {state.epoch}: {broken} is infinite or not a number, at learning rate {rate:g}; "
            "lower optimizer.learning_rate or clip the gradient (optimizer.clipnorm=1)"
        )


def find_not_finite(metrics: dict[str, float]) -> str | None:
    """Return the name of a loss that is infinite or not a number, None if all are finite."""
    return next((name for name in LOSSES if not isfinite(metrics.get(name, 0.0))), None)
