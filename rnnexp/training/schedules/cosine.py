"""A learning rate that falls along half a cosine wave."""

from __future__ import annotations

from math import cos, pi
from typing import Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.training.schedule import Schedule


@register("schedule")
class cosine(Schedule):
    """Fall from 1 in the first epoch towards `final`, which is reached when the last epoch has ended, so that
    none is trained at a rate of 0 (Loshchilov and Hutter 2017, eq. 5, without restarts).
    """

    name: Literal["cosine"] = "cosine"
    final: float = Field(0.0, ge=0, le=1, description="share of the learning rate that is left after the last epoch")

    def after_warmup(self, epoch: int, epochs: int) -> float:
        share = (epoch - 1) / epochs
        return self.final + (1 - self.final) * (1 + cos(pi * share)) / 2
