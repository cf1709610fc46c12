"""A learning rate that shrinks by the same share again and again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.training.schedule import Schedule


@register("schedule")
class exponential(Schedule):
    """Multiply by `rate` every `every` epochs, smoothly: rate ** ((epoch - 1) / every)."""

    name: Literal["exponential"] = "exponential"
    rate: float = Field(0.9, gt=0, le=1, description="factor reached after every `every` epochs")
    every: int = Field(10, ge=1, description="epochs in which the learning rate shrinks by `rate`")

    def after_warmup(self, epoch: int, epochs: int) -> float:
        return self.rate ** ((epoch - 1) / self.every)
