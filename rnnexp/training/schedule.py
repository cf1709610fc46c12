"""What every learning-rate schedule shares: a warm-up, and a factor for each epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from pydantic import Field

from rnnexp.registry import settings
from rnnexp.training.check import check_monitor, check_warmup


@settings
class Schedule(ABC):
    """A factor on the optimizer's learning rate for each epoch, pure arithmetic, so that every
    engine can use it.
    """

    warmup_epochs: int = Field(
        0, ge=0, description="epochs in which the rate first rises in equal steps to its full value"
    )

    def check_with(self, experiment: Any) -> list[str]:
        """Return what contradicts the other parts of an experiment.

        A schedule is always there, so it also speaks for `trainer.monitor`: the trainer's own settings lie below
        the room that knows what is logged.
        """
        return [*check_monitor(experiment), *check_warmup(self, experiment.trainer.epochs)]

    def factor(self, epoch: int, epochs: int) -> float:
        """Return the factor for the 1-based `epoch` of `epochs`; epoch `warmup_epochs + 1` is
        the first at full rate.
        """
        if epoch <= self.warmup_epochs:
            return epoch / (self.warmup_epochs + 1)
        return self.after_warmup(epoch - self.warmup_epochs, max(1, epochs - self.warmup_epochs))

    @abstractmethod
    def after_warmup(self, epoch: int, epochs: int) -> float:
        """Return the factor for the 1-based `epoch` of the `epochs` that follow the warm-up."""
