"""Metrics of classes, computed by scikit-learn, and the simplest classifiers."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.evaluation.metrics import take_mean
from rnnexp.models.logits import softmax

if TYPE_CHECKING:
    from pandas import DataFrame

UNSEEN = -1e30  # log odds of a class without a training example: a probability of 0


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


@dataclass(frozen=True)
class Majority:
    """Answers everything with one class: `shares` (classes,)."""

    shares: Numbers

    def predict(self, asked: Sized) -> np.ndarray:
        return np.tile(self.shares, (len(asked), 1))


def majority(labels: np.ndarray, classes: int) -> Majority:
    """Take the most frequent class of some labels (n,)."""
    return Majority(np.eye(classes)[np.bincount(labels, minlength=classes).argmax()])


@dataclass(frozen=True)
class LogisticModel:
    """A linear model, of which a softmax makes probabilities: `weights` (features, classes), `intercept` (classes,)."""

    weights: Numbers
    intercept: Numbers

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or self.intercept.shape != self.weights.shape[1:] or not self.intercept.size:
            raise ValueError("weights and intercept do not go together")

    def predict(self, features: Any) -> np.ndarray:
        """Return probabilities (n, classes); `features` may be sparse."""
        return softmax(self.score(features))

    def score(self, features: Any) -> np.ndarray:
        """Return log odds (n, classes), up to a constant."""
        return np.asarray(features @ self.weights) + self.intercept


def make_logistic(model: Any, classes: int) -> LogisticModel:
    """Take over what scikit-learn has fitted: a logistic regression, or a naive Bayes of counts, as linear as this."""
    if hasattr(model, "feature_log_prob_"):
        own, constant = model.feature_log_prob_.T, model.class_log_prior_
    else:
        own, constant = model.coef_.T, model.intercept_
    if own.shape[1] < len(model.classes_):  # of two classes it has the weights of the second
        own, constant = np.hstack([np.zeros_like(own), own]), np.append(0.0, constant)
    weights, intercept = np.zeros((len(own), classes)), np.full(classes, UNSEEN)
    weights[:, model.classes_], intercept[model.classes_] = own, constant
    return LogisticModel(weights, intercept)


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: tuple[str, ...]) -> DataFrame:
    """Count actual (rows) against predicted (columns) classes."""
    import pandas
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(labels, predicted, labels=range(len(classes)))
    table = pandas.DataFrame(counts, columns=[f"predicted {name}" for name in classes])
    table.insert(0, "actual", list(classes))
    return table
