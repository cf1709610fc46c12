"""Classifiers of texts that need no network: counted words, and weighted words and pairs of words, by scikit-learn.

Both are fitted on the training texts and return probabilities (n, classes), 0 for a class that no training text
has. What cannot be fitted raises `Undefined`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.evaluation.baselines import Undefined

MOST_ITERATIONS = 1000


@dataclass(frozen=True)
class Words:
    """What counts as a word, and whether it counts once in a text or every time.

    split: cuts a text into words; None takes scikit-learn's rule: runs of two or more letters and digits, in
           small letters
    once:  count a word once in each text (naive_bayes), or take the logarithm of its count (tfidf_linear)
    """

    split: Callable[[str], list[str]] | None = None
    once: bool = False

    def options(self) -> dict[str, Any]:
        if self.split is None:
            return {}
        return {"tokenizer": self.split, "token_pattern": None, "lowercase": False}


def naive_bayes(
    train_texts: Sequence[str],
    train_labels: np.ndarray,
    test_texts: Sequence[str],
    classes: int,
    words: Words = Words(),
) -> np.ndarray:
    """Count words and apply multinomial Naive Bayes with add-one smoothing.

    Source: Wang and Manning, Baselines and bigrams: simple, good sentiment and topic classification, 2012.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    counter = CountVectorizer(binary=words.once, **words.options())
    return _fitted(counter, MultinomialNB(), train_texts, train_labels)(test_texts, classes)


def tfidf_linear(
    train_texts: Sequence[str],
    train_labels: np.ndarray,
    test_texts: Sequence[str],
    classes: int,
    words: Words = Words(once=True),
) -> np.ndarray:
    """Weight words and pairs of words by tf-idf and apply logistic regression with C = 10."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(train_labels)) < 2:
        raise Undefined("the training part has one class only")
    weights = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=words.once, **words.options())
    model = LogisticRegression(C=10.0, max_iter=MOST_ITERATIONS)
    return _fitted(weights, model, train_texts, train_labels)(test_texts, classes)


def _fitted(
    vectorizer: Any, model: Any, texts: Sequence[str], labels: np.ndarray
) -> Callable[[Sequence[str], int], np.ndarray]:
    try:
        features = vectorizer.fit_transform(texts)
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        raise Undefined("the training texts have no words") from None
    model.fit(features, labels)

    def predict(unseen: Sequence[str], classes: int) -> np.ndarray:
        probabilities = np.zeros((len(unseen), classes))
        probabilities[:, model.classes_] = model.predict_proba(vectorizer.transform(unseen))
        return probabilities

    return predict
