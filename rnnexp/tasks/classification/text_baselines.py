"""Classifiers of texts that need no network: counted words, and weighted words and pairs of words, by scikit-learn.

Both are fitted on the training texts, with labels (n,) from 0, and return probabilities (n, classes): 0 for a class
that no training text has. `cut` makes tokens of a text; without it scikit-learn's rule holds: runs of two or more
letters and digits, in small letters. What cannot be fitted raises `Undefined`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.tasks.forecasting.baselines import Undefined

MOST_ITERATIONS = 1000

MOST_GRAMS = 3e7  # runs of tokens that are counted: some minute of one core, and 3 GB


@dataclass(frozen=True)
class Cut:
    """How a text becomes tokens, and how many in a row are counted as one, at most."""

    split: Callable[[str], list[str]]
    longest: int = 1

    def check(self, texts: Sequence[str], longest: int) -> None:
        """Raise Undefined where there is too much to count."""
        grams = longest * sum(map(len, texts)) if self.longest > 1 else 0
        if grams > MOST_GRAMS:
            raise Undefined(f"there are {grams:.0e} runs of tokens to count; the most is {MOST_GRAMS:.0e}")


def naive_bayes(
    train_texts: Sequence[str],
    train_labels: np.ndarray,
    test_texts: Sequence[str],
    classes: int,
    cut: Cut | None = None,
    once: bool = True,
) -> np.ndarray:
    """Count words, `once` per text or every time, and apply multinomial Naive Bayes with add-one smoothing.

    Source: Wang and Manning, Baselines and bigrams: simple, good sentiment and topic classification, 2012.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB

    counter = CountVectorizer(binary=once, **_tokens(cut, train_texts, 1))
    return _fitted(counter, MultinomialNB(), train_texts, train_labels)(test_texts, classes)


def tfidf_linear(
    train_texts: Sequence[str],
    train_labels: np.ndarray,
    test_texts: Sequence[str],
    classes: int,
    cut: Cut | None = None,
    sublinear: bool = True,
) -> np.ndarray:
    """Weight words and pairs of words by tf-idf and apply logistic regression with C = 10.

    With `sublinear` a word's count enters as 1 + log(count).
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(train_labels)) < 2:
        raise Undefined("the training part has one class only")
    weights = TfidfVectorizer(sublinear_tf=sublinear, **_tokens(cut, train_texts, 2))
    model = LogisticRegression(C=10.0, max_iter=MOST_ITERATIONS)
    return _fitted(weights, model, train_texts, train_labels)(test_texts, classes)


def _tokens(cut: Cut | None, texts: Sequence[str], longest: int) -> dict[str, Any]:
    """Return what a vectorizer takes to count runs of up to `longest` words, or of what there is instead of them."""
    if cut is None:
        return {"ngram_range": (1, longest)}
    longest = max(longest, cut.longest)
    cut.check(texts, longest)
    return {"ngram_range": (1, longest), "tokenizer": cut.split, "token_pattern": None, "lowercase": False}


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
