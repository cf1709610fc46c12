"""The function of words beside a trained network of texts: fitted to the training set, weighed on the validation set.

The network learns by itself before: a linear function of so many words knows its training texts by heart, which would
leave a network nothing to learn from them. What both say is added up with two weights, a logistic regression on the
validation texts (stacking, Wolpert, Stacked generalization, 1992), which also makes the probabilities honest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnexp.evaluation.classification import UNSEEN, LogisticModel
from rnnexp.evaluation.outputs import outputs
from rnnexp.evaluation.report import Undefined, once
from rnnexp.evaluation.tfidf import MOST_GRAMS
from rnnexp.models.averaging import list_members
from rnnexp.models.layers import OF_WORDS
from rnnexp.models.logits import log_softmax, softmax
from rnnexp.models.word_path import WORDS, count_rows, hash_pairs, reset_word_path, set_word_path
from rnnexp.tasks.classification.text_baselines import fit_count_ratios
from rnnexp.tasks.texts import TextDataset

BATCH = 1024
MOST_WEIGHT = 100.0  # of either: validation texts that all are told right would ask for infinite ones
LEAST_WEIGHT = 0.01  # of the network, whose gradients say what it remembers


@dataclass(frozen=True)
class Mixture:
    """How much a network's logits count, and those of the function of words."""

    network: float
    words: float

    def add(self, network: np.ndarray, words: np.ndarray) -> np.ndarray:
        return self.network * network + self.words * words


def find_network_mistakes(dataset: Any, architecture: Any) -> list[str]:
    """List why what a network has beside what is trained by gradients cannot be fitted to a dataset."""
    if _has_words(architecture) and not len(dataset.parts.get("val", ())):
        return [
            f"model.skip_connection: {OF_WORDS} given; how much it counts is chosen on a validation set, and there is "
            "none; set data.split.val, or model.skip_connection=false"
        ]
    return []


def finish_network(model: Any, dataset: Any, architecture: Any) -> list[str]:
    """Fit the function of words of a trained network, of several that are averaged one for each; return notes.

    Where it is not defined the network answers by itself.
    """
    if not _has_words(architecture):
        return []
    networks = list_members(model) or [model]
    for network in networks:
        reset_word_path(network)
    try:
        fitted, known = once(dataset, partial(_fit_and_score, dataset), WORDS)
    except Undefined as reason:
        return [f"skip_connection: words have no part in the answer: {reason}"]
    return [_finish(network, dataset, fitted, known) for network in networks]


def fit_words(dataset: TextDataset) -> LogisticModel:
    """Fit NB-SVM to the tokens and pairs of tokens of the training texts; Undefined where it is not defined."""
    counts, labels = count_words(dataset, "train"), dataset.truth("train")
    known = np.flatnonzero(counts.getnnz(axis=0))  # rows of the table of pairs that no training text has stay zero
    found = fit_count_ratios(counts[:, known], labels, len(dataset.spec.classes))
    weights = np.zeros((counts.shape[1], len(dataset.spec.classes)))
    weights[known] = found.weights
    seen = found.intercept != UNSEEN
    return LogisticModel(weights, np.where(seen, found.intercept, found.intercept[seen].min()))


def count_words(dataset: TextDataset, part: str) -> Any:
    """Return how often a text has each token and each row of the table of pairs, a sparse matrix (n, both).

    Raises Undefined for more than can be counted.
    """
    from scipy.sparse import csr_matrix

    vocabulary, rows = dataset.spec.inputs["past"].vocabulary or 0, count_rows(len(dataset.spec.classes))
    columns, lengths, total = [], [], 0
    for tokens in _list_tokens(dataset, part):
        found = np.concatenate([tokens, vocabulary + hash_pairs(tokens[:-1], tokens[1:], vocabulary, rows)])
        columns.append(found)
        lengths.append(len(found))
        total += len(found)
        if total > MOST_GRAMS:
            raise Undefined(f"the texts have more than {MOST_GRAMS:.0e} words and pairs of words to count")
    places = np.concatenate(columns)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    counts = csr_matrix((np.ones(len(places)), places, starts), (len(lengths), vocabulary + rows))
    counts.sum_duplicates()
    return counts


def weigh(network: np.ndarray, words: np.ndarray, labels: np.ndarray) -> Mixture:
    """Choose the weights of two kinds of logits (n, classes), none of them negative, by the log loss."""
    from scipy.optimize import minimize

    rows = np.arange(len(labels))

    def lose(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = weights[0] * network + weights[1] * words
        wrong = softmax(logits)
        wrong[rows, labels] -= 1
        gradient = [float((wrong * each).sum(axis=1).mean()) for each in (network, words)]
        return -float(log_softmax(logits)[rows, labels].mean()), np.array(gradient)

    bounds = [(LEAST_WEIGHT, MOST_WEIGHT), (0.0, MOST_WEIGHT)]
    found = minimize(lose, np.ones(2), jac=True, method="L-BFGS-B", bounds=bounds)
    return Mixture(*map(float, found.x))


def _fit_and_score(dataset: TextDataset) -> tuple[LogisticModel, dict[str, np.ndarray]]:
    """Return the function, and the log odds (n, classes), up to a constant, that it gives the parts that are asked."""
    fitted = fit_words(dataset)
    return fitted, {part: fitted.score(count_words(dataset, part)) for part in dict.fromkeys(("val", dataset.scored))}


def _finish(network: Any, dataset: TextDataset, fitted: LogisticModel, known: dict[str, np.ndarray]) -> str:
    own = outputs(network, dataset, [*known], BATCH)
    if not all(np.isfinite(logits).all() for logits in own.values()):
        return "skip_connection: words have no part in the answer: the network's are not finite"
    mixture = weigh(own["val"].astype(np.float64), known["val"], dataset.truth("val"))
    set_word_path(network, mixture.words * fitted.weights, mixture.words * fitted.intercept, mixture.network)
    part, truth = dataset.scored, dataset.truth(dataset.scored)
    kinds = (own[part], known[part], mixture.add(own[part], known[part]))
    alone, words, both = (float((logits.argmax(axis=1) == truth).mean()) for logits in kinds)
    useless = "; the network tells nothing beside them" if mixture.network <= LEAST_WEIGHT else ""
    return (
        f"skip_connection: on the {part} set the network alone has accuracy {alone:.5g}, words and pairs of words "
        f"{words:.5g}, both {both:.5g}; they are added with weights {mixture.network:.3g} and {mixture.words:.3g}, "
        f"chosen on the validation set{useless}"
    )


def _has_words(architecture: Any) -> bool:
    return vars(architecture).get("skip_connection") == OF_WORDS


def _list_tokens(dataset: TextDataset, part: str) -> Iterator[np.ndarray]:
    """Yield the numbers of the tokens of each text, as a network reads them."""
    own = dataset.parts[part]
    for start in range(0, len(own), BATCH):
        x = dataset.batch(own.arrays, own.indices[start : start + BATCH])[0]
        for tokens, mask in zip(np.asarray(x["past"], np.int64), np.asarray(x["mask"], bool)):
            yield tokens[mask]
