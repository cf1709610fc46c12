"""Linear models of several inputs that need no network, of all together and of each alone, by scikit-learn.

They read tf-idf of texts, summaries of sequences, and the numbers that are made of rows of a table. Logistic regression
gives labels, ridge regression numbers, whose penalty leaves the least on every fifth training example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from rnnexp.data.inputs.encoders import TextInput
from rnnexp.data.inputs.input_pipeline import InputPipeline
from rnnexp.evaluation.classification import make_logistic
from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.evaluation.report import Undefined
from rnnexp.evaluation.tfidf import TfIdf, fit_tfidf, make_cut
from rnnexp.models.logits import softmax

ALL, ONLY = "all_inputs", "only_"  # how the baseline of all inputs is called, and before the name of a single one
WORDS = np.sqrt(10.0)  # factor of tf-idf, whose values are small: a penalty of C = 10 on them, and of 1 on the others
PENALTIES = np.logspace(-2, 3, 6)
HELD_OUT = 5  # every so many examples choose the penalty
FEWEST_EXAMPLES = 10
MOST_ITERATIONS = 2000

Examples = Sequence[Mapping[str, Any]]  # texts, sequences (steps, channels) and numbers (features,) by name


@dataclass(frozen=True)
class InputsLinear:
    """A linear model of some inputs.

    words:        what weighs the words of each text, by name
    sizes:        of each other input: the channels of a sequence, or minus the numbers of a row
    mean, scale:  of the numbers that are made of these
    weights:      (terms + numbers, outputs);  intercept: (outputs,)
    labeled:      whether a softmax makes probabilities of the outputs
    """

    words: dict[str, TfIdf]
    sizes: dict[str, int]
    mean: Numbers
    scale: Numbers
    weights: Numbers
    intercept: Numbers
    labeled: bool

    def __post_init__(self) -> None:
        terms = sum(len(one.terms) for one in self.words.values())
        fits = self.mean.shape == self.scale.shape and self.weights.ndim == 2 and self.scale.all()
        if not fits or len(self.weights) != terms + len(self.mean) or self.intercept.shape != self.weights.shape[1:]:
            raise ValueError("words, numbers and weights do not go together")

    def with_pipeline(self, pipeline: InputPipeline) -> InputsLinear:
        """Return one that cuts texts as the network's are: it is read from a file without."""
        inputs = pipeline.inputs_by_name
        if not {*self.words, *self.sizes} <= {*inputs}:
            raise ValueError("it is of other inputs")
        return replace(self, words={name: one.with_cut(_cut(inputs[name])) for name, one in self.words.items()})

    def predict(self, asked: Examples) -> np.ndarray:
        """Return probabilities (n, classes), or numbers (n, outputs)."""
        values = _describe(asked, self.words, self.sizes)
        if values.shape[1:] != self.mean.shape:
            raise Undefined("it was fitted to inputs of other sizes")
        found = np.asarray(_join(asked, self.words, (values - self.mean) / self.scale) @ self.weights) + self.intercept
        return softmax(found) if self.labeled else found


def list_fits(
    pipeline: InputPipeline, train: Examples, targets: np.ndarray, classes: int
) -> dict[str, Callable[[], InputsLinear]]:
    """Return what fits the baseline of all inputs and those of single ones, by their names.

    targets: labels (n,) from 0 of so many classes, or, for 0 classes, numbers (n, outputs)
    """
    fit = partial(fit_linear, pipeline, train, targets, classes)
    names = tuple(pipeline.inputs_by_name)
    return {ALL: partial(fit, names), **{f"{ONLY}{name}": partial(fit, (name,)) for name in names}}


def fit_linear(
    pipeline: InputPipeline, train: Examples, targets: np.ndarray, classes: int, names: Sequence[str]
) -> InputsLinear:
    """Raises Undefined for too few examples, or for one class only."""
    if len(train) < FEWEST_EXAMPLES:
        raise Undefined(f"there are only {len(train)} training examples")
    if classes and len(np.unique(targets)) < 2:
        raise Undefined("the training set has one class only")
    inputs = {name: pipeline.inputs_by_name[name] for name in names}
    words = {
        name: fit_tfidf([one[name] for one in train], _cut(given))
        for name, given in inputs.items()
        if isinstance(given, TextInput)
    }
    sizes = {name: _measure(train, name) for name in names if name not in words}
    values = _describe(train, words, sizes)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    features = _join(train, words, (values - mean) / scale)
    weights, intercept = _fit_labels(features, targets, classes) if classes else fit_numbers(features, targets)
    return InputsLinear(words, sizes, mean, scale, weights, intercept, bool(classes))


def _fit_labels(features: Any, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.linear_model import LogisticRegression

    made = make_logistic(LogisticRegression(max_iter=MOST_ITERATIONS).fit(features, labels), classes)
    return made.weights, made.intercept


def fit_numbers(features: Any, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (features, outputs) and intercept (outputs,) of ridge regression on a sparse matrix."""
    from sklearn.linear_model import Ridge

    held = np.arange(features.shape[0]) % HELD_OUT == 0

    def lose(penalty: float) -> float:
        model = Ridge(alpha=penalty, solver="lsqr").fit(features[~held], numbers[~held])
        left = numbers[held] - np.reshape(model.predict(features[held]), (int(held.sum()), -1))
        return float(((left / (numbers.std(axis=0) + 1e-12)) ** 2).mean())

    best = Ridge(alpha=min(PENALTIES, key=lose), solver="lsqr").fit(features, numbers)
    return np.reshape(best.coef_, (numbers.shape[1], -1)).T, np.reshape(best.intercept_, -1)


def _cut(given: Any) -> Any:
    return make_cut(given.encoder.tokenizer)


def _measure(train: Examples, name: str) -> int:
    shape = np.shape(train[0][name])
    return shape[1] if len(shape) == 2 else -shape[0]


def _describe(asked: Examples, words: Mapping[str, TfIdf], sizes: Mapping[str, int]) -> np.ndarray:
    """Return the numbers (n, numbers) that are made of all inputs but the texts."""
    blocks = [np.zeros((len(asked), 0))]
    for name, size in sizes.items():
        values = [np.asarray(one[name], np.float64) for one in asked]
        blocks.append(np.stack(values) if size < 0 else np.stack([_summarize(one, size) for one in values]))
    return np.concatenate(blocks, axis=1)


def _summarize(one: np.ndarray, channels: int) -> np.ndarray:
    """Return steps, and of each channel mean, deviation, least, greatest, first, middle and last value; else zeros."""
    if not len(one):
        return np.zeros(1 + 7 * channels)
    parts = [one.mean(axis=0), one.std(axis=0), one.min(axis=0), one.max(axis=0), one[0], one[len(one) // 2], one[-1]]
    return np.concatenate([[len(one)], *parts])


def _join(asked: Examples, words: Mapping[str, TfIdf], values: np.ndarray) -> Any:
    """Return a sparse matrix of the weighed words and the numbers beside them, (n, features)."""
    from scipy.sparse import csr_matrix, hstack

    counts = [one.transform([each[name] for each in asked]) * WORDS for name, one in words.items()]
    return hstack([*counts, csr_matrix(values)]).tocsr()


class Kinds(dict[str, Any]):
    """The classes of a task's baselines by name, with those of single inputs, which data name."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, InputsLinear if str(name).startswith(ONLY) else default)
