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
from rnnexp.training.monitor import ordered
from rnnexp.training.training_state import Course, EndOfEpoch, EpochCallback

State = dict[str, Any]
Numbers = Mapping[str, Any]


@dataclass(frozen=True)
class Moment:
    """The end of an epoch. `value` is of the watched metric, ordered so that less is better; `rate` was in force."""

    xp: Any
    epoch: Any
    value: Any
    rate: Any


class Effect(NamedTuple):
    """What a callback wants of the next epoch: none of it, or a factor on its learning rate."""

    stop: Any
    rate_factor: Any


@settings
class CarriedCallback(EpochCallback):
    """A callback that watches one metric and remembers numbers."""

    name: str = ""
    monitor: str | None = None

    @abstractmethod
    def initial(self) -> State:
        """Return what is remembered before the first epoch."""

    @abstractmethod
    def update(self, numbers: Numbers, state: State, now: Moment) -> tuple[State, Effect]:
        """Return what is remembered after an epoch, and what follows; `numbers` are the settings of `numbers()`."""

    def numbers(self) -> dict[str, float]:
        """Return the settings that are numbers: all that may differ where trainings share a program."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {key: value for key, value in values.items() if isinstance(value, (int, float))}

    def start(self) -> EndOfEpoch:
        state, numbers = self.initial(), self.numbers()

        def end_of_epoch(course: Course) -> None:
            nonlocal state
            monitor = self.monitor or course.monitor
            value = ordered(course.value(monitor, f"callbacks.{self.name}.monitor"), monitor)
            now = Moment(np, course.epoch, value, course.metrics["opt/learning_rate"])
            state, effect = self.update(numbers, state, now)
            course.rate_factor *= float(effect.rate_factor)
            if effect.stop:
                course.stop = self.name

        return end_of_epoch
