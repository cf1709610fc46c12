"""Classifiers of sequences that need no network, by scikit-learn.

All are fitted to training sequences, each (time, channels), and their classes (n,), and predict probabilities
(n, classes), 0 for a class without a training example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from rnnexp.evaluation.classification import LogisticModel, make_logistic
from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.evaluation.report import Undefined

Many = Sequence[np.ndarray]

SEGMENTS, COEFFICIENTS = 5, 13
MOST_PRODUCTS = 2e11  # multiplications that the nearest neighbors may take: some ten seconds of one core


@dataclass(frozen=True)
class Nearest:
    """Takes the class of the nearest training sequence, by Euclidean distance.

    Sequences of different length are stretched to the longest one of the training part by linear interpolation.

    rows: (n, steps * channels);  shares: (n, classes), 1 for the class of each and else 0
    """

    rows: Numbers
    shares: Numbers
    channels: int

    def __post_init__(self) -> None:
        fits = self.rows.ndim == self.shares.ndim == 2 and len(self.rows) == len(self.shares) and self.channels > 0
        if not fits or not self.rows.size or not self.shares.size or self.rows.shape[1] % self.channels:
            raise ValueError("sequences, classes and channels do not go together")

    def predict(self, asked: Many) -> np.ndarray:
        """Raises Undefined where it would take too long."""
        from sklearn.neighbors import KNeighborsClassifier

        products = float(len(asked)) * self.rows.size
        if products > MOST_PRODUCTS:
            raise Undefined(f"it would take {products:.0e} multiplications to compare all sequences")
        model = KNeighborsClassifier(n_neighbors=1, algorithm="brute")
        model.fit(self.rows, self.shares.argmax(axis=1))
        found = np.zeros((len(asked), self.shares.shape[1]))
        found[:, model.classes_] = model.predict_proba(_flatten(asked, self.rows.shape[1] // self.channels))
        return found


def fit_nearest(train: Many, labels: np.ndarray, classes: int) -> Nearest:
    return Nearest(_flatten(train, max(map(len, train))), np.eye(classes)[labels], train[0].shape[1])


def _summarize(sequences: Many) -> np.ndarray:
    rows = [np.concatenate([s.mean(axis=0), s.std(axis=0), s[0], s[len(s) // 2], s[-1]]) for s in sequences]
    return np.stack(rows)


def _cut_segments(sequences: Many) -> np.ndarray:
    from scipy.fft import dct

    ends = [np.linspace(0, len(one), SEGMENTS + 1) for one in sequences]
    spans = [[(int(a), max(int(a) + 1, int(b))) for a, b in zip(end, end[1:])] for end in ends]
    means = np.stack([[one[a:b].mean(axis=0) for a, b in span] for one, span in zip(sequences, spans)])
    return dct(means, norm="ortho")[:, :, :COEFFICIENTS].reshape(len(means), -1)


@dataclass(frozen=True)
class Summary:
    """Applies logistic regression to the mean, deviation, first, middle and last value of each channel, standardized.

    mean, scale: of these, (5 * channels,)
    """

    features: ClassVar[Callable[[Many], np.ndarray]] = staticmethod(_summarize)
    regression: ClassVar[Mapping[str, Any]] = {"max_iter": 5000}

    mean: Numbers
    scale: Numbers
    model: LogisticModel

    def __post_init__(self) -> None:
        if not self.mean.shape == self.scale.shape == self.model.weights.shape[:1] or not self.scale.all():
            raise ValueError("mean, scale and weights do not go together")

    @classmethod
    def fit(cls, train: Many, labels: np.ndarray, classes: int) -> Self:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        scaler, features = StandardScaler(), cls.features(train)
        model = LogisticRegression(**cls.regression).fit(scaler.fit_transform(features), labels)
        return cls(scaler.mean_, scaler.scale_, make_logistic(model, classes))

    def predict(self, asked: Many) -> np.ndarray:
        return self.model.predict((type(self).features(asked) - self.mean) / self.scale)


@dataclass(frozen=True)
class Segments(Summary):
    """Applies logistic regression to what the bands of sound are in five equal stretches of a recording, standardized.

    That is the mean of each stretch, (bands,), of which the first coefficients of the cosine transform are kept.

    mean, scale: of these, (5 * coefficients,)
    """

    features: ClassVar[Callable[[Many], np.ndarray]] = staticmethod(_cut_segments)
    regression: ClassVar[Mapping[str, Any]] = {"C": 0.1, "max_iter": 1000}


def _flatten(sequences: Many, steps: int) -> np.ndarray:
    return np.stack([stretch(one, steps).reshape(-1) for one in sequences])


def stretch(one: np.ndarray, steps: int) -> np.ndarray:
    """Interpolate a sequence (time, channels) to so many steps."""
    if len(one) == steps:
        return one
    at = np.linspace(0, len(one) - 1, steps)
    return np.stack([np.interp(at, np.arange(len(one)), channel) for channel in one.T], axis=1)
