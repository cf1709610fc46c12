"""What a training is given, what it tells whoever listens, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rnnexp.config.settings import Trainer

PROMPT_S = 1.0  # of a chunk of work: progress, checkpoints, signals and word of a divergence wait for it

Rows = Sequence[dict[str, float]]
Span = tuple[float, float]

# (first epoch, metrics of each epoch since the last call, when these began and ended in seconds since 1970) -> a
# reason to stop, such as "pruned", or None
Listener = Callable[[int, Rows, Span], str | None]


@dataclass(frozen=True)
class TrainingPlan:
    """What `fit` works by.

    loss:      a built Keras loss
    metrics:   names, as in the configuration
    optimizer: a built Keras optimizer with a plain number as learning rate
    schedule:  a registered schedule, or None for a constant rate
    callbacks: registered callbacks by the name they have in the configuration
    scaled:    the network answers in other units than the data have, and so are its metrics named
    run_dir:   where checkpoints and the CSV log go; None if nothing may be written
    stop:      asked between two chunks of work, which last a second or two: a reason to end there, or None
    note:      what the caller wants to find again beside a checkpoint, plain JSON
    held:      paths of weights that are not trained in the first `held_epochs`
    """

    loss: Any
    optimizer: Any
    trainer: Trainer
    metrics: list[str] = field(default_factory=list)
    schedule: Any = None
    callbacks: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    run_dir: Path | None = None
    grad_norm: bool | Literal["layers"] = False
    scaled: bool = False
    stop: Callable[[], str | None] | None = None
    note: Callable[[], dict[str, Any]] = dict
    held: frozenset[str] = frozenset()
    held_epochs: int = 0


@dataclass(frozen=True, repr=False)
class History:
    """Metrics by epoch and how the training ended.

    epochs:     one mapping per epoch (1-based epoch = position + 1): train/loss, val/loss, train/mae,
                opt/learning_rate, opt/grad_norm, opt/grad_norm/LAYER, time/epoch_s (training and validation),
                time/samples_per_s (examples, or tokens of a language model)
    best_epoch: the epoch whose weights the model has at the end; 0 if not even the first one was finite
    monitor:    the metric that chose it
    stopped:    None after all epochs, else "early_stopping", "diverged", "callback" or what a listener
                answered ("pruned")
    seconds:    wall time of the whole training, compilation included
    members:    of networks that are averaged, the history of each. Then `epochs` are means over those that were still
                trained, `best_epoch` is the mean of theirs, and `kept` has the metrics at the end: val/* those of the
                averaged network, train/* the means of the best epochs
    """

    epochs: list[dict[str, float]]
    best_epoch: int
    monitor: str
    stopped: str | None
    seconds: float
    members: Sequence[History] = ()
    kept: Mapping[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"History({len(self.epochs)} epochs, weights of epoch {self.best_epoch}, {self.stopped or 'not stopped'})"
        )

    @property
    def best(self) -> dict[str, float]:
        """The metrics of the best epoch; empty if there is none."""
        if self.members:
            return dict(self.kept)
        return self.epochs[self.best_epoch - 1] if self.best_epoch else {}

    def describe_kept(self) -> str:
        """Say of which epoch the weights are, or of which epochs those of several networks."""
        if not self.members:
            return f"weights of epoch {self.best_epoch} of {len(self.epochs)}"
        best = sorted(member.best_epoch for member in self.members)
        which = f"epoch {best[0]}" if best[0] == best[-1] else f"epochs {best[0]} to {best[-1]}"
        return f"{len(best)} networks, weights of {which} of {len(self.epochs)}"
