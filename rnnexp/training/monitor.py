"""Which of two values of a metric is the better one, and how long it has not become better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any

from rnnexp import registry
from rnnexp.task import ACCURACY, rises

# Losses without penalties, and with them where there are any: a training ends where one of them is not finite.
LOSSES = tuple(f"{part}/{name}" for part in ("train", "val") for name in ("loss", "total_loss"))
ALWAYS_LOGGED = ("train/loss", "opt/learning_rate", "time/epoch_s", "time/samples_per_s")

# What decides which loss is minimized and in what units: losses of trainings that differ in it do not compare.
UNITS_OF_LOSS = ("loss", "data.scaler", "data.per_series", "data.target_scaler")


def higher_is_better(metric: str) -> bool:
    """Say whether a metric such as `val/accuracy` should rise; of a registered one its author may have said so."""
    return rises(metric, registry.rising_metrics())


def to_minimize(value: Any, metric: str) -> Any:
    """Turn a metric's value around where more of it is better, so that less always is."""
    return -value if higher_is_better(metric) else value


def choose_default_monitor(validation: bool) -> str:
    return "val/loss" if validation else "train/loss"


def list_metrics(metrics: Iterable[str], validation: bool, settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """List the metrics that each epoch of a training has; `settings`: of its data, its model and its trainer."""
    parts = ("train", "val") if validation else ("train",)
    penalized = any(settings["model"].get(key) for key in ("l1", "l2"))
    scaled, own = is_scaled(settings["data"]), registry.names("metric")  # those are computed once, at the end
    names = ["loss", *["total_loss"] * penalized, *(name_metric(name, scaled) for name in metrics if name not in own)]
    of_parts = [f"{part}/{name}" for part in parts for name in names]
    norm = ["opt/grad_norm"] if settings["trainer"].get("log_grad_norm") else []
    return list(dict.fromkeys([*of_parts, *ALWAYS_LOGGED, *norm]))


def is_scaled(data: Mapping[str, Any]) -> bool:
    """Say whether what a network of such data answers is in other units than the data."""
    if data.get("target_scaler", "none") != "none":
        return True
    chain = data.get("scaler")
    return "horizon" in data and any(name != "none" for name in (chain if isinstance(chain, list) else [chain]))


def name_metric(metric: str, scaled: bool) -> str:
    """Return what a metric of each epoch is logged as: it is computed on what the network answers, as a loss is."""
    return f"{metric}_scaled" if scaled and metric not in ACCURACY else metric


@dataclass
class BestValue:
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
        return -self.best if self._rises else self.best

    def update(self, value: float, epoch: int) -> bool:
        """Take in the value of `epoch`; return whether it is the best so far."""
        less = -value if self._rises else value
        if less < self.best - self.min_delta:
            self.best, self.best_epoch, self.epochs = less, epoch, 0
            return True
        self.epochs += 1
        return False

    @cached_property
    def _rises(self) -> bool:
        """Found out once: the members of a group take in thousands of values in a second."""
        return higher_is_better(self.metric)
