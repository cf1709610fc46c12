"""Lower the learning rate when a metric has not become better for a while."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.training.course import Course, EndOfEpoch, EpochCallback
from rnnexp.training.monitor import Waiting


@register("callback")
class plateau(EpochCallback):
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

    def start(self) -> EndOfEpoch:
        waiting: Waiting | None = None
        cooling = 0

        def end_of_epoch(course: Course) -> None:
            nonlocal waiting, cooling
            monitor = self.monitor or course.monitor
            waiting = waiting or Waiting(monitor, self.min_delta)
            waiting.see(course.value(monitor, f"callbacks.{self.name}.monitor"), course.epoch)
            if cooling > 0:
                cooling, waiting.epochs = cooling - 1, 0
            elif waiting.epochs >= self.patience:
                course.rate_factor *= self._lowered(course.metrics["opt/learning_rate"])
                cooling, waiting.epochs = self.cooldown, 0

        return end_of_epoch

    def _lowered(self, rate: float) -> float:
        """Return the factor for the present `rate`, smaller than `factor` only because of
        `min_learning_rate`.
        """
        if rate <= self.min_learning_rate:
            return 1.0
        return max(self.factor, self.min_learning_rate / rate)
