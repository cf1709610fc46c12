"""Series whose correlations are known."""

from __future__ import annotations

import numpy as np


def draw(*weights: float, rows: int = 4_000, seed: int = 0) -> np.ndarray:
    """Return an autoregressive series of these weights on its last rows, (rows, 1)."""
    dice, values = np.random.default_rng(seed), np.zeros(rows + 200)
    for row in range(len(weights), len(values)):
        values[row] = dice.normal() + sum(weight * values[row - lag] for lag, weight in enumerate(weights, start=1))
    return values[200:, None]
