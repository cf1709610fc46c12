"""Classifiers of texts that need no network: counted words, and weighted words and pairs of words, by scikit-learn.

Both are fitted on the training texts, with labels (n,) from 0, and return probabilities (n, classes): 0 for a class
that no training text has. `split` cuts a text into words; without it scikit-learn's rule holds: runs of two or more
letters and digits, in small letters. What cannot be fitted raises `Undefined`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnnexp.evaluation.baselines import Undefined

MOST_ITERATIONS = 1000

Split = Callable[[str], list[str]]


def naive_bayes(
    train_texts: Sequence[str],
    train_labels: np.ndarray,
    test_texts: Sequence[str],
    classes: int,
    split: Split | None = None,
    once: bool = True,
) -> np.ndarray:
    """Count words, `once` per text or every time, and apply multinomial Naive Bayes with add-one smoothing.

    Source: Wang and Manning, Baselines and bigrams: simple, good sentiment and topic classification, 2012.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    counter = CountVectorizer(binary=once, **_words(split))
    return _fitted(counter, MultinomialNB(), train_texts, train_labels)(test_texts, classes)


def tfidf_linear(
    train_texts: Sequence[str],
    train_labels: np.ndarray,
    test_texts: Sequence[str],
    classes: int,
    split: Split | None = None,
    sublinear: bool = True,
) -> np.ndarray:
    """Weight words and pairs of words by tf-idf and apply logistic regression with C = 10.

    With `sublinear` a word's count enters as 1 + log(count).
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(train_labels)) < 2:
        raise Undefined("the training part has one class only")
    weights = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=sublinear, **_words(split))
    model = LogisticRegression(C=10.0, max_iter=MOST_ITERATIONS)
    return _fitted(weights, model, train_texts, train_labels)(test_texts, classes)


def _words(split: Split | None) -> dict[str, Any]:
    return {} if split is None else {"tokenizer": split, "token_pattern": None, "lowercase": False}


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
