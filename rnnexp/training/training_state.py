"""The state of one training, as the built-in callbacks see and steer it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rnnexp.errors import ConfigError, did_you_mean
from rnnexp.registry import settings
from rnnexp.training.check import check_callback

Weights = dict[str, np.ndarray]


@dataclass
class TrainingState:
    """Where a training stands at the end of an epoch, and what a callback may change for the next one.

    weights:     by variable path, those that this epoch's validation is of; None where they are gone already, since
                 several epochs were trained at once (see EpochCallback.weights_every)
    is_best:     the monitored metric is the best so far
    rate_factor: a factor on the learning rate, on top of the schedule's
    stop:        set to a reason to make this epoch the last
    """

    epochs: int
    monitor: str
    weights: Callable[[], Weights] | None
    run_dir: Path | None = None
    epoch: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    is_best: bool = False
    rate_factor: float = 1.0
    stop: str | None = None

    def value(self, monitor: str, key: str) -> float:
        """Return this epoch's value of a metric; a ConfigError naming `key` lists the choices
        if there is none.
        """
        if monitor in self.metrics:
            return self.metrics[monitor]
        close = did_you_mean(monitor, self.metrics)
        raise ConfigError(f"{key}: `{monitor}` is not logged; choose from {', '.join(self.metrics)}{close}")

    def folder(self, key: str) -> Path:
        if self.run_dir is None:
            raise ConfigError(f"callbacks.{key}: needs a run folder to write to; this training has none")
        return self.run_dir


OnEpochEnd = Callable[[TrainingState], None]


@settings
class EpochCallback(ABC):
    """A built-in callback: settings that any engine can read, and what to do at the end of each epoch.

    late: it may be told of several epochs at once, after the last of them, and asks for nothing but weights then
    """

    late: ClassVar[bool] = False

    def weights_every(self) -> int | None:
        """Return after how many epochs the weights are needed each time; None if never."""
        return None

    def weights_of_best(self) -> bool:
        """Say whether the weights of the best epoch are needed, as soon as it is known."""
        return False

    def copies(self, epochs: int) -> int:
        """Return how many copies of the weights are on the disk at a time."""
        return 0

    def check_with(self, experiment: Any) -> list[str]:
        """Return what contradicts the other parts of an experiment."""
        return check_callback(self, experiment)

    @abstractmethod
    def start(self) -> OnEpochEnd:
        """Return the function to be called after each epoch of one training; it holds whatever
        must be remembered.
        """
