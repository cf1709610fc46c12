"""Taggers that need no network: the tag of most tokens, that of most occurrences of a word, and a linear window.

Words are given as the network reads them, tags (tokens,) as integers; all return probabilities (tokens, tags).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnexp.tasks.forecasting.baselines import Undefined

Words = Sequence[Sequence[str]]  # of each sequence

MOST_ITERATIONS = 100
MOST_PRODUCTS = 2e10  # multiplications to fit the linear window: some ten seconds of one core
EDGE, KINDS = "<edge>", 5  # what stands beside the first and last word; features of a word


def most_frequent_tag(train: Words, tags: np.ndarray, asked: Words, count: int) -> np.ndarray:
    """Return how often a word has each tag in the training part; for words that are not there, how often those do
    that occur once.
    """
    words = [word for one in train for word in one]
    ids = {word: number for number, word in enumerate(dict.fromkeys(words))}
    counts = np.zeros((len(ids) + 1, count))
    np.add.at(counts, (np.array([ids[word] for word in words]), tags), 1)
    once = counts[:-1][counts[:-1].sum(axis=1) == 1]
    counts[-1] = (once if len(once) else counts[:-1]).sum(axis=0)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return np.asarray(shares[[ids.get(word, len(ids)) for one in asked for word in one]])


def window(train: Words, tags: np.ndarray, asked: Words, count: int) -> np.ndarray:
    """Fit a logistic regression to a word, its last three letters, its form, and the words on both sides of it."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    products = 2.0 * MOST_ITERATIONS * KINDS * len(tags) * count
    if products > MOST_PRODUCTS:
        raise Undefined(f"it would take {products:.0e} multiplications to fit it to the training tokens")
    counter = CountVectorizer(analyzer=_itself, binary=True, dtype=np.float64)
    features = counter.fit_transform([found for one in train for found in _features(one)])
    model = LogisticRegression(C=1.0, max_iter=MOST_ITERATIONS, tol=1e-3)
    model.fit(features, tags)
    shares = np.zeros((sum(map(len, asked)), count))
    unseen = counter.transform([found for one in asked for found in _features(one)])
    shares[:, model.classes_] = model.predict_proba(unseen)
    return shares


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
