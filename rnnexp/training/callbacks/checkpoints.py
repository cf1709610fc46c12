"""Keep the weights of some epochs on disk."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.training.checkpoint import prune, save
from rnnexp.training.training_state import Course, EndOfEpoch, EpochCallback


@register("callback")
class checkpoints(EpochCallback):
    """Save weights to `checkpoints/` in the run folder every `every` epochs and whenever an epoch is the
    best so far.
    """

    late: ClassVar[bool] = True
    name: Literal["checkpoints"] = "checkpoints"
    every: int = Field(10, ge=1, description="epochs between two checkpoints")
    keep: int = Field(2, ge=1, description="how many of the newest are kept, the best one apart")
    best: bool = Field(True, description="also save the epoch that is the best so far, and keep the last such")

    def weights_every(self) -> int | None:
        return self.every

    def weights_of_best(self) -> bool:
        return self.best

    def start(self) -> EndOfEpoch:
        best: Path | None = None

        def end_of_epoch(course: Course) -> None:
            nonlocal best
            is_best = self.best and course.is_best
            if not is_best and course.epoch % self.every and course.epoch != course.epochs:
                return
            if course.weights is None:  # a better epoch has followed within the same second
                return
            root = course.folder(self.name) / "checkpoints"
            path = save(root, course.epoch, course.weights(), course.metrics, is_best)
            best = path if is_best else best
            prune(root, self.keep, best)

        return end_of_epoch
