"""How a model is to be trained, with everything built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnexp.config.settings import Trainer


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
    """

    loss: Any
    optimizer: Any
    trainer: Trainer
    metrics: list[str] = field(default_factory=list)
    schedule: Any = None
    callbacks: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    run_dir: Path | None = None
    grad_norm: bool = False
    scaled: bool = False
