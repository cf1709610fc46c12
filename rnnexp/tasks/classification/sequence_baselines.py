"""Classifiers of sequences that need no network, by scikit-learn.

All take the training sequences, each (time, channels), their classes (n,), and the sequences to classify; all return
probabilities (n, classes), 0 for a class without a training example.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Many = Sequence[np.ndarray]


def nearest(train: Many, labels: np.ndarray, asked: Many, classes: int) -> np.ndarray:
    """Take the class of the nearest training sequence, by Euclidean distance.

    Sequences of different length are stretched to the longest one of the training part by linear interpolation.
    """
    from sklearn.neighbors import KNeighborsClassifier

    steps = max(map(len, train))
    model = KNeighborsClassifier(n_neighbors=1, algorithm="brute")
    model.fit(_stretched(train, steps), labels)
    return _placed(model.predict_proba(_stretched(asked, steps)), model.classes_, classes)


def summary(train: Many, labels: np.ndarray, asked: Many, classes: int) -> np.ndarray:
    """Apply logistic regression to the mean, deviation, first, middle and last value of each channel, standardized."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    model.fit(_features(train), labels)
    return _placed(model.predict_proba(_features(asked)), model.classes_, classes)


def _stretched(sequences: Many, steps: int) -> np.ndarray:
    return np.stack([_resampled(one, steps).reshape(-1) for one in sequences])


def _resampled(one: np.ndarray, steps: int) -> np.ndarray:
    if len(one) == steps:
        return one
    at = np.linspace(0, len(one) - 1, steps)
    return np.stack([np.interp(at, np.arange(len(one)), channel) for channel in one.T], axis=1)


def _features(sequences: Many) -> np.ndarray:
    rows = [np.concatenate([s.mean(axis=0), s.std(axis=0), s[0], s[len(s) // 2], s[-1]]) for s in sequences]
    return np.stack(rows)


def _placed(shares: np.ndarray, known: np.ndarray, classes: int) -> np.ndarray:
    placed = np.zeros((len(shares), classes))
    placed[:, known] = shares
    return placed


SIMPLE = {"nearest": nearest, "summary": summary}
