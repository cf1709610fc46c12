"""A learning rate that rises first and then stays."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.training.schedule import Schedule


@register("schedule")
class warm_up(Schedule):
    """Rise in equal steps over `warmup_epochs`, then stay at the optimizer's learning rate."""

    name: Literal["warm_up"] = "warm_up"
    warmup_epochs: int = Field(
        5, ge=1, description="epochs in which the rate first rises in equal steps to its full value"
    )

    def after_warmup(self, epoch: int, epochs: int) -> float:
        return 1.0
