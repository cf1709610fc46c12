"""A learning rate that falls in steps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnexp.registry import PositiveInt, register
from rnnexp.training.schedule import Schedule


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
