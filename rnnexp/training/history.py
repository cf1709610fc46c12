"""What a training leaves behind: the metrics of each epoch, and which epoch the weights are of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class History:
    """Metrics by epoch and how the training ended.

    epochs:     one mapping per epoch (1-based epoch = position + 1): train/loss, val/loss, train/mae,
                opt/learning_rate, opt/grad_norm, time/epoch_s (training and validation), time/samples_per_s
                (examples, or tokens of a language model)
    best_epoch: the epoch whose weights the model has at the end; 0 if not even the first one was finite
    monitor:    the metric that chose it
    stopped:    None after all epochs, else "early_stopping", "diverged", "callback" or what a listener
                answered ("pruned")
    seconds:    wall time of the whole training, compilation included
    """

    epochs: list[dict[str, float]]
    best_epoch: int
    monitor: str
    stopped: str | None
    seconds: float

    @property
    def best(self) -> dict[str, float]:
        """The metrics of the best epoch; empty if there is none."""
        return self.epochs[self.best_epoch - 1] if self.best_epoch else {}
