"""Callbacks whose whole memory is a few numbers, so that a compiled program can carry them along.

One piece of arithmetic serves both engines: with NumPy after each epoch of the `keras` engine, with JAX's arrays
inside the program of the `compiled` one, for one training or for many at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from rnnexp.registry import settings
from rnnexp.training.monitor import to_minimize
from rnnexp.training.training_state import EpochCallback, State, TrainingState

Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class EpochEnd:
    """The end of an epoch. `value` is of the watched metric, ordered so that less is better; `rate` was in force."""

    xp: Any
    epoch: Any
    value: Any
    rate: Any


class Action(NamedTuple):
    """What a callback wants of the next epoch: none of it, or a factor on its learning rate."""

    stop: Any
    rate_factor: Any


@settings
class PureCallback(EpochCallback):
    """A callback that watches one metric and remembers numbers."""

    name: str = ""
    monitor: str | None = None

    @abstractmethod
    def initial(self) -> State:
        """Return what is remembered before the first epoch."""

    @abstractmethod
    def update(self, numbers: Numbers, state: State, now: EpochEnd) -> tuple[State, Action]:
        """Return what is remembered after an epoch, and what follows; `numbers` are the settings of `numbers()`."""

    def numbers(self) -> dict[str, float]:
        """Return the settings that are numbers: all that may differ where trainings share a program."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: value for key, value in values.items() if isinstance(value, (int, float))}

    def on_epoch_end(self, training: TrainingState, state: State) -> None:
        monitor = self.monitor or training.monitor
        value = to_minimize(training.value(monitor, f"callbacks.{self.name}.monitor"), monitor)
        now = EpochEnd(np, training.epoch, value, training.metrics["opt/learning_rate"])
        after, action = self.update(self.numbers(), state, now)
        state.update(after)
        training.rate_factor *= float(action.rate_factor)
        if action.stop:
            training.stop = self.name
