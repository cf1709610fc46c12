"""How a model is to be scored, and the metrics of users' own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp import registry
from rnnexp.evaluation.outputs import BatchSize


@dataclass(frozen=True)
class Scoring:
    """What is asked of an evaluation.

    batch_size: as in the trainer; it changes no score
    metrics:    names, of which those of users' own are called with (actual, predicted)
    intervals:  of forecasts, that are there already; None: they are made on the validation part
    """

    batch_size: BatchSize
    metrics: Sequence[str] = ()
    intervals: Any = None

    def extra(self, actual: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
        """Return the scores of users' own metrics that are finite."""
        own = [name for name in self.metrics if name in registry.names("metric")]
        values = {name: float(registry.lookup("metric", name)().score(actual, predicted)) for name in own}
        return {name: value for name, value in values.items() if np.isfinite(value)}
