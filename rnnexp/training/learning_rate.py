"""The learning rate of each epoch: the optimizer's own, times the schedule's factor, times the callbacks'."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnexp.training.backends.base import BackendTrainer


class LearningRate:
    """Set the optimizer's learning rate, but only when ours changes, so that a user's Keras callback may
    set it too.
    """

    def __init__(self, backend: BackendTrainer, schedule: Any, epochs: int) -> None:
        self.backend = backend
        self.schedule = schedule
        self.epochs = epochs
        self.base = to_decimal(backend.rate())
        self.current = self.base

    def begin(self, epoch: int, factor: float) -> None:
        scheduled = 1.0 if self.schedule is None else self.schedule.factor(epoch, self.epochs)
        wanted = self.base * scheduled * factor
        if wanted != self.current:
            self.backend.set_rate(wanted)
            self.current = wanted

    def in_force(self) -> float:
        """Return the rate that the optimizer has now."""
        actual = self.backend.rate()
        return self.current if np.float32(actual) == np.float32(self.current) else to_decimal(actual)


def to_decimal(rate: float) -> float:
    """Return what was meant: 0.01 is kept as the nearest float32, 0.00999999977."""
    return float(str(np.float32(rate)))
