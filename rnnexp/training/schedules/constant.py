"""The same learning rate from first to last."""

from __future__ import annotations

from typing import Literal

from rnnexp.registry import register
from rnnexp.training.schedule import Schedule


@register("schedule")
class constant(Schedule):
    """Keep the optimizer's learning rate."""

    name: Literal["constant"] = "constant"

    def after_warmup(self, epoch: int, epochs: int) -> float:
        return 1.0
