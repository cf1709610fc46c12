"""Learning-rate schedules: a warm-up, and a factor for each epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import cos, pi
from typing import Any, Literal

from pydantic import Field

from rnnexp.registry import PositiveInt, register, settings
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


@register("schedule")
class constant(Schedule):
    """Keep the optimizer's learning rate."""

    name: Literal["constant"] = "constant"

    def after_warmup(self, epoch: int, epochs: int) -> float:
        return 1.0


@register("schedule")
class cosine(Schedule):
    """Fall from 1 in the first epoch toward `final`, which is reached when the last epoch has ended, so that
    none is trained at a rate of 0 (Loshchilov and Hutter 2017, eq. 5, without restarts).
    """

    name: Literal["cosine"] = "cosine"
    final: float = Field(0.0, ge=0, le=1, description="share of the learning rate that is left after the last epoch")

    def after_warmup(self, epoch: int, epochs: int) -> float:
        share = (epoch - 1) / epochs
        return self.final + (1 - self.final) * (1 + cos(pi * share)) / 2


@register("schedule")
class exponential(Schedule):
    """Multiply by `rate` every `every` epochs, smoothly: rate ** ((epoch - 1) / every)."""

    name: Literal["exponential"] = "exponential"
    rate: float = Field(0.9, gt=0, le=1, description="factor reached after every `every` epochs")
    every: int = Field(10, ge=1, description="epochs in which the learning rate shrinks by `rate`")

    def after_warmup(self, epoch: int, epochs: int) -> float:
        return self.rate ** ((epoch - 1) / self.every)


@register("schedule")
class step(Schedule):
    """Multiply by `gamma` after every `every` epochs, or after each of the epochs `at`, counted
    from the warm-up's end.
    """

    name: Literal["step"] = "step"
    gamma: float = Field(0.1, gt=0, le=1, description="factor of one step")
    every: int = Field(30, ge=1, description="epochs between two steps")
    at: list[PositiveInt] | None = Field(None, description="epochs after which the rate falls; replaces `every`")

    def after_warmup(self, epoch: int, epochs: int) -> float:
        steps = (epoch - 1) // self.every if self.at is None else sum(epoch > at for at in self.at)
        return self.gamma**steps


@register("schedule")
class warm_up(Schedule):
    """Rise in equal steps over `warmup_epochs`, then stay at the optimizer's learning rate."""

    name: Literal["warm_up"] = "warm_up"
    warmup_epochs: int = Field(
        5, ge=1, description="epochs in which the rate first rises in equal steps to its full value"
    )

    def after_warmup(self, epoch: int, epochs: int) -> float:
        return 1.0
