"""Numbers for sequences or texts that need no network: their mean, and ridge regression, by scikit-learn.

All are fitted to training sequences, each (time, channels), or texts, and their numbers (n, outputs).
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace

import numpy as np

from rnnexp.data.texts.tokens import Tokenizer
from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.evaluation.report import Undefined
from rnnexp.evaluation.tfidf import Cut, TfIdf, fit_tfidf, make_cut
from rnnexp.tasks.input_baselines import fit_numbers

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


@dataclass(frozen=True)
class TextRidge:
    """Ridge regression on tf-idf of words and pairs of words: `weights` (terms, outputs), `intercept` (outputs,)."""

    words: TfIdf
    weights: Numbers
    intercept: Numbers

    def __post_init__(self) -> None:
        fits = self.weights.ndim == 2 and self.intercept.shape == self.weights.shape[1:]
        if not fits or len(self.weights) != len(self.words.terms):
            raise ValueError("words and weights do not go together")

    def with_cut(self, cut: Cut) -> TextRidge:
        """Return one that cuts texts so: it is read from a file without."""
        return replace(self, words=self.words.with_cut(cut))

    def predict(self, asked: Sequence[str]) -> np.ndarray:
        """Return numbers (n, outputs)."""
        return np.asarray(self.words.transform(asked) @ self.weights) + self.intercept


def fit_text_ridge(train: Sequence[str], numbers: np.ndarray, tokenizer: Tokenizer) -> TextRidge:
    if len(train) < FEWEST_EXAMPLES:
        raise Undefined(f"there are only {len(train)} training texts")
    words = fit_tfidf(train, make_cut(tokenizer))
    return TextRidge(words, *fit_numbers(words.transform(train), numbers))


def _summarize(sequences: Many) -> np.ndarray:
    rows = [
        np.concatenate([s.mean(axis=0), s.std(axis=0), s.min(axis=0), s.max(axis=0), s[0], s[len(s) // 2], s[-1]])
        for s in sequences
    ]
    return np.asarray(np.stack(rows), np.float64)
