"""Taggers that need no network: the tag of most tokens, that of most occurrences of a word, and a linear window.

Words are given as the network reads them, tags (tokens,) as integers; all predict probabilities (tokens, tags).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.evaluation import classification
from rnnexp.evaluation.classification import LogisticModel, make_logistic
from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.evaluation.report import Undefined

Words = Sequence[Sequence[str]]  # of each sequence

MOST_ITERATIONS = 100
MOST_PRODUCTS = 2e10  # multiplications to fit the linear window: some ten seconds of one core
EDGE, KINDS = "<edge>", 5  # what stands beside the first and last word; features of a word


@dataclass(frozen=True)
class MostFrequentTag:
    """Gives a word the tags that it has in the training part, and others those of the words that occur once there.

    words: that it knows;  shares: (words + 1, tags) of each, at the end of all others
    """

    words: list[str]
    shares: Numbers

    def __post_init__(self) -> None:
        if self.shares.ndim != 2 or len(self.shares) != len(self.words) + 1 or not self.shares.shape[1]:
            raise ValueError("words and shares do not go together")

    def predict(self, asked: Words) -> np.ndarray:
        ids = {word: number for number, word in enumerate(self.words)}
        return np.asarray(self.shares[[ids.get(word, -1) for one in asked for word in one]])


def fit_majority(tags: np.ndarray, count: int) -> MostFrequentTag:
    """Know no word: give each the most frequent tag."""
    return MostFrequentTag([], classification.majority(tags, count).shares[None])


def fit_most_frequent_tag(train: Words, tags: np.ndarray, count: int) -> MostFrequentTag:
    words = [word for one in train for word in one]
    ids = {word: number for number, word in enumerate(dict.fromkeys(words))}
    counts = np.zeros((len(ids) + 1, count))
    np.add.at(counts, (np.array([ids[word] for word in words]), tags), 1)
    once = counts[:-1][counts[:-1].sum(axis=1) == 1]
    counts[-1] = (once if len(once) else counts[:-1]).sum(axis=0)
    return MostFrequentTag(list(ids), counts / counts.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class Window:
    """A logistic regression on a word, its last three letters, its form, and the words on both sides of it.

    terms: what of these it knows, in the order of the weights
    """

    terms: list[str]
    model: LogisticModel

    def __post_init__(self) -> None:
        if not len(self.model.weights) == len(set(self.terms)) == len(self.terms) > 0:
            raise ValueError("terms and weights do not go together")

    def predict(self, asked: Words) -> np.ndarray:
        return self.model.predict(_make_counter(self.terms).transform(_list_features(asked)))


def fit_window(train: Words, tags: np.ndarray, count: int) -> Window:
    """Raises Undefined where it would take too long."""
    from sklearn.linear_model import LogisticRegression

    products = 2.0 * MOST_ITERATIONS * KINDS * len(tags) * count
    if products > MOST_PRODUCTS:
        raise Undefined(f"it would take {products:.0e} multiplications to fit it to the training tokens")
    counter = _make_counter()
    features = counter.fit_transform(_list_features(train))
    model = LogisticRegression(C=1.0, max_iter=MOST_ITERATIONS, tol=1e-3)
    model.fit(features, tags)
    return Window(counter.get_feature_names_out().tolist(), make_logistic(model, count))


def _make_counter(terms: Sequence[str] | None = None) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(analyzer=_itself, binary=True, dtype=np.float64, vocabulary=terms)


def _list_features(sequences: Words) -> list[list[str]]:
    return [found for one in sequences for found in _features(one)]


def _itself(features: list[str]) -> list[str]:
    return features


def _features(words: Sequence[str]) -> list[list[str]]:
    around = [EDGE, *words, EDGE]
    return [
        [f"word {word}", f"end {word[-3:]}", f"form {_form(word)}", f"before {around[i]}", f"after {around[i + 2]}"]
        for i, word in enumerate(words)
    ]


def _form(word: str) -> str:
    """Tell small letters, a capital first one, capitals alone, digits, and the rest."""
    forms = {"small": word.islower(), "upper": word.isupper(), "capital": word[:1].isupper(), "digits": word.isdigit()}
    return next((name for name, is_so in forms.items() if is_so), "other")
