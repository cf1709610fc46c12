"""Lower the learning rate when a metric has not become better for a while."""

from __future__ import annotations

from math import inf
from typing import Any, Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.training.pure_callback import Action, EpochEnd, Numbers, PureCallback, State


@register("callback")
class plateau(PureCallback):
    """Multiply the learning rate by `factor` after `patience` epochs without a better value, on
    top of the schedule.
    """

    name: Literal["plateau"] = "plateau"
    monitor: str | None = Field(None, description="metric to watch; null: trainer.monitor")
    factor: float = Field(0.5, gt=0, lt=1, description="factor on the learning rate")
    patience: int = Field(5, ge=1, description="epochs without a better value before the rate is lowered")
    min_delta: float = Field(1e-4, ge=0, description="a value counts as better if it is better by more than this")
    cooldown: int = Field(0, ge=0, description="epochs after a reduction that are not counted")
    min_learning_rate: float = Field(0.0, ge=0, description="the learning rate is not lowered below this")

    def initial(self) -> State:
        return {"best": inf, "waited": 0, "cooling": 0}

    def update(self, numbers: Numbers, state: State, now: EpochEnd) -> tuple[State, Action]:
        where, cooling = now.xp.where, state["cooling"] > 0
        better = now.value < state["best"] - numbers["min_delta"]
        waited = where(better, 0, state["waited"] + 1)
        lower = (waited >= numbers["patience"]) & ~cooling
        after = {
            "best": where(better, now.value, state["best"]),
            "waited": where(lower | cooling, 0, waited),
            "cooling": where(lower, numbers["cooldown"], where(cooling, state["cooling"] - 1, 0)),
        }
        return after, Action(False, where(lower, _factor(numbers, now), 1.0))


def _factor(numbers: Numbers, now: EpochEnd) -> Any:
    """Return the factor for the present rate, nearer to one than `factor` only because of `min_learning_rate`."""
    lowest = now.xp.maximum(numbers["factor"], numbers["min_learning_rate"] / now.rate)
    return now.xp.where(now.rate <= numbers["min_learning_rate"], 1.0, lowest)
