"""Train a model on a dataset."""

from __future__ import annotations

from typing import Any

from rnnexp.data.dataset import Dataset
from rnnexp.training.epochs import Listener, Training
from rnnexp.training.history import History
from rnnexp.training.plan import Plan


def fit(model: Any, dataset: Dataset, plan: Plan, listener: Listener | None = None) -> History:
    """Train `model` (built, not compiled) in place; `listener` hears (1-based epoch, metrics)
    after each epoch, and may answer with a reason to stop, which the history then names.

    With validation the model ends with the weights of the best monitored epoch, otherwise with the last
    one's. The order of the examples is one permutation per epoch, a function of (seed, epoch) alone; a part
    that is a single batch keeps its own order. Raises ConfigError for a monitor that is not logged,
    DivergedError if the loss is not finite and `trainer.on_divergence` is `fail`.
    """
    return Training(model, dataset, plan).run(listener or (lambda epoch, metrics: None))
