"""Stop when a metric has not become better for a while."""

from __future__ import annotations

from math import inf
from typing import Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.training.pure_callback import Action, EpochEnd, Numbers, PureCallback, State


@register("callback")
class early_stopping(PureCallback):
    """Stop after `patience` epochs without a better value; which weights are kept is
    `trainer.restore_best`'s to say.
    """

    name: Literal["early_stopping"] = "early_stopping"
    monitor: str | None = Field(None, description="metric to watch; null: trainer.monitor")
    patience: int = Field(10, ge=1, description="epochs without a better value before training stops")
    min_delta: float = Field(0.0, ge=0, description="a value counts as better if it is better by more than this")
    start_epoch: int = Field(1, ge=1, description="first epoch that is watched")

    def initial(self) -> State:
        return {"best": inf, "waited": 0}

    def update(self, numbers: Numbers, state: State, now: EpochEnd) -> tuple[State, Action]:
        where, watched = now.xp.where, now.epoch >= numbers["start_epoch"]
        better = watched & (now.value < state["best"] - numbers["min_delta"])
        waited = where(better, 0, state["waited"] + where(watched, 1, 0))
        stop = watched & (waited >= numbers["patience"])
        return {"best": where(better, now.value, state["best"]), "waited": waited}, Action(stop, 1.0)
