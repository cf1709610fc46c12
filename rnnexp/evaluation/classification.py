"""Metrics of classes, computed by scikit-learn, and the simplest classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnexp.evaluation.metrics import take_mean

if TYPE_CHECKING:
    from pandas import DataFrame


def scores(
    labels: np.ndarray, predicted: np.ndarray, classes: int, weight: np.ndarray | None = None
) -> dict[str, float]:
    """Return accuracy, balanced accuracy, and macro precision, recall and F1 of integer labels (n,).

    The macro averages are over the classes that occur among `labels`, whatever else is predicted: scikit-learn's with
    `labels` given. A class that is never predicted has precision 0.
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support, recall_score

    present = np.unique(labels if weight is None else labels[weight > 0])
    more = {"sample_weight": weight}
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, labels=present, average="macro", zero_division=0, **more
    )
    balanced = recall_score(labels, predicted, labels=present, average="macro", zero_division=0, **more)
    values = (accuracy_score(labels, predicted, **more), balanced, precision, recall, f1)
    return dict(zip(("accuracy", "balanced_accuracy", "precision", "recall", "f1"), map(float, values)))


def log_loss(labels: np.ndarray, probabilities: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Return the mean of minus the log of the probability given to the true class; (n,) and (n, classes)."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(take_mean(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)), weight))


def by_class(
    labels: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...], weight: np.ndarray | None = None
) -> DataFrame:
    """Return precision, recall, F1 and the number of examples of each class."""
    import pandas
    from sklearn.metrics import precision_recall_fscore_support

    found = precision_recall_fscore_support(
        labels, predicted, labels=range(len(classes)), zero_division=0, sample_weight=weight
    )
    columns = dict(zip(("precision", "recall", "f1"), found)) | {
        "examples": np.bincount(labels, minlength=len(classes))
    }
    return pandas.DataFrame({"class": list(classes), **columns})


def majority(train_labels: np.ndarray, count: int, classes: int) -> np.ndarray:
    """Predict the most frequent class of the training part, as probabilities (count, classes)."""
    shares = np.bincount(train_labels, minlength=classes) / len(train_labels)
    most = np.zeros_like(shares)
    most[int(np.argmax(shares))] = 1.0
    return np.tile(most, (count, 1))


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> DataFrame:
    """Count actual (rows) against predicted (columns) classes."""
    import pandas
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(labels, predicted, labels=range(len(classes)))
    table = pandas.DataFrame(counts, columns=[f"predicted {name}" for name in classes])
    table.insert(0, "actual", list(classes))
    return table
