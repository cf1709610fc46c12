"""Which of two values of a metric is the better one, and how long it has not become better."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from rnnexp import registry
from rnnexp.task import rises

ALWAYS_LOGGED = ("train/loss", "opt/learning_rate", "time/epoch_s", "time/samples_per_s")


def higher_is_better(metric: str) -> bool:
    """Say whether a metric such as `val/accuracy` should rise; of a registered one its author may have said so."""
    return rises(metric, registry.rising_metrics())


def ordered(value: Any, metric: str) -> Any:
    """Turn a metric's value around where more of it is better, so that less always is."""
    return -value if higher_is_better(metric) else value


def default_monitor(validation: bool) -> str:
    return "val/loss" if validation else "train/loss"


def logged(metrics: list[str], validation: bool, grad_norm: bool) -> list[str]:
    """List the metrics that each epoch of such a training has."""
    parts = ("train", "val") if validation else ("train",)
    of_parts = [f"{part}/{metric}" for part in parts for metric in ("loss", *metrics)]
    return list(dict.fromkeys([*of_parts, *ALWAYS_LOGGED, *(["opt/grad_norm"] if grad_norm else [])]))


@dataclass
class Waiting:
    """The best value of a metric so far and the epochs since.

    A value is better by more than `min_delta` or not at all, so the first of equal epochs is the best; NaN
    never is.
    """

    metric: str
    min_delta: float = 0.0
    best: float = inf
    best_epoch: int = 0
    epochs: int = 0

    @property
    def value(self) -> float:
        """The best value itself."""
        return ordered(self.best, self.metric)

    def see(self, value: float, epoch: int) -> bool:
        """Take in the value of `epoch`; return whether it is the best so far."""
        less = ordered(value, self.metric)
        if less < self.best - self.min_delta:
            self.best, self.best_epoch, self.epochs = less, epoch, 0
            return True
        self.epochs += 1
        return False
