"""Stop when a metric has not become better for a while."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.training.course import Course, EndOfEpoch, EpochCallback
from rnnexp.training.monitor import Waiting


@register("callback")
class early_stopping(EpochCallback):
    """Stop after `patience` epochs without a better value; which weights are kept is
    `trainer.restore_best`'s to say.
    """

    name: Literal["early_stopping"] = "early_stopping"
    monitor: str | None = Field(None, description="metric to watch; null: trainer.monitor")
    patience: int = Field(10, ge=1, description="epochs without a better value before training stops")
    min_delta: float = Field(0.0, ge=0, description="a value counts as better if it is better by more than this")
    start_epoch: int = Field(1, ge=1, description="first epoch that is watched")

    def start(self) -> EndOfEpoch:
        waiting: Waiting | None = None

        def end_of_epoch(course: Course) -> None:
            nonlocal waiting
            monitor = self.monitor or course.monitor
            waiting = waiting or Waiting(monitor, self.min_delta)
            if course.epoch < self.start_epoch:
                return
            waiting.see(course.value(monitor, f"callbacks.{self.name}.monitor"), course.epoch)
            if waiting.epochs >= self.patience:
                course.stop = self.name

        return end_of_epoch
