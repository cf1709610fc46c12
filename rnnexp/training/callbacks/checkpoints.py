"""Keep the weights of some epochs on disk."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from rnnexp.registry import register
from rnnexp.training.checkpoint import prune, save
from rnnexp.training.training_state import EpochCallback, OnEpochEnd, TrainingState


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

    def start(self) -> OnEpochEnd:
        best: Path | None = None

        def on_epoch_end(training: TrainingState) -> None:
            nonlocal best
            is_best = self.best and training.is_best
            if not is_best and training.epoch % self.every and training.epoch != training.epochs:
                return
            if training.weights is None:  # a better epoch has followed within the same second
                return
            root = training.folder(self.name) / "checkpoints"
            path = save(root, training.epoch, training.weights(), training.metrics, is_best)
            best = path if is_best else best
            prune(root, self.keep, best)

        return on_epoch_end
