"""Numbers for sequences that need no network: their mean, and ridge regression on summaries, by scikit-learn.

Both are fitted to training sequences, each (time, channels), and their numbers (n, outputs).
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass

import numpy as np

from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.evaluation.report import Undefined

Many = Sequence[np.ndarray]

FEWEST_EXAMPLES = 3
PENALTIES = np.logspace(-3, 3, 13)  # of which the one that leaves the least when each example is left out in turn


@dataclass(frozen=True)
class Mean:
    """Answers everything with the mean of the training part, (outputs,)."""

    values: Numbers

    def predict(self, asked: Sized) -> np.ndarray:
        """Return numbers (n, outputs)."""
        return np.tile(self.values, (len(asked), 1))


@dataclass(frozen=True)
class SummaryRidge:
    """Ridge regression on the mean, deviation, least, greatest, first, middle and last value of each channel.

    mean, scale: of these, (7 * channels,);  weights: (7 * channels, outputs);  intercept: (outputs,)
    """

    mean: Numbers
    scale: Numbers
    weights: Numbers
    intercept: Numbers

    def __post_init__(self) -> None:
        fits = self.mean.shape == self.scale.shape == self.weights.shape[:1] and self.scale.all()
        if not fits or self.weights.ndim != 2 or self.intercept.shape != self.weights.shape[1:]:
            raise ValueError("mean, scale and weights do not go together")

    def predict(self, asked: Many) -> np.ndarray:
        """Return numbers (n, outputs)."""
        features = _summarize(asked)
        if features.shape[1:] != self.mean.shape:
            raise Undefined("it was fitted to sequences of other channels")
        return np.asarray((features - self.mean) / self.scale @ self.weights + self.intercept)


def fit_summary_ridge(train: Many, numbers: np.ndarray) -> SummaryRidge:
    from sklearn.linear_model import RidgeCV
    from sklearn.preprocessing import StandardScaler

    if len(train) < FEWEST_EXAMPLES:
        raise Undefined(f"there are only {len(train)} training sequences")
    scaler, features = StandardScaler(), _summarize(train)
    ridge = RidgeCV(alphas=PENALTIES).fit(scaler.fit_transform(features), numbers)
    weights = np.reshape(ridge.coef_, (numbers.shape[1], -1)).T
    return SummaryRidge(scaler.mean_, scaler.scale_, weights, np.reshape(ridge.intercept_, -1))


def _summarize(sequences: Many) -> np.ndarray:
    rows = [
        np.concatenate([s.mean(axis=0), s.std(axis=0), s.min(axis=0), s.max(axis=0), s[0], s[len(s) // 2], s[-1]])
        for s in sequences
    ]
    return np.asarray(np.stack(rows), np.float64)
