"""Classifiers of texts that need no network: counted words, and weighted words and pairs of words, by scikit-learn.

Both are fitted to the training texts, with labels (n,) from 0, and predict probabilities (n, classes): 0 for a class
that no training text has. `cut` makes tokens of a text; without it scikit-learn's rule holds: runs of two or more
letters and digits, in small letters. What cannot be fitted raises `Undefined`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnexp.evaluation.classification import LogisticModel, make_logistic
from rnnexp.evaluation.kept_baselines import NOT_KEPT, Numbers
from rnnexp.evaluation.report import Undefined

MOST_ITERATIONS = 1000

MAX_LONGEST = 20  # of a model that a file describes
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


@dataclass(frozen=True)
class TextClassifier:
    """A linear model of how often runs of tokens occur.

    terms:    the runs, in the order of the weights;  longest: tokens of a run
    damped:   whether a count enters as 1 (`idf` empty), or as 1 + log(count)
    idf:      inverse document frequencies, by which counts are weighted before they are scaled; empty for counts alone
    """

    terms: list[str]
    longest: int
    damped: bool
    idf: Numbers
    model: LogisticModel
    cut: Cut | None = field(default=None, metadata=NOT_KEPT)

    def __post_init__(self) -> None:
        sizes = len(self.model.weights) == len(set(self.terms)) == len(self.terms) > 0
        if not sizes or self.idf.shape not in ((0,), (len(self.terms),)) or not 0 < self.longest < MAX_LONGEST:
            raise ValueError("terms and weights do not go together")

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        counter = _make_counter(self.cut, self.longest, bool(self.idf.size), self.damped, self.terms)
        if self.idf.size:
            counter.idf_ = self.idf
        return self.model.predict(counter.transform(texts))


def fit_naive_bayes(
    texts: Sequence[str], labels: np.ndarray, classes: int, cut: Cut | None = None, once: bool = True
) -> TextClassifier:
    """Count words, `once` per text or every time, and apply multinomial Naive Bayes with add-one smoothing.

    Source: Wang and Manning, Baselines and bigrams: simple, good sentiment and topic classification, 2012.
    """
    from sklearn.naive_bayes import MultinomialNB

    counter = _make_counter(cut, _choose_longest(cut, texts, 1), False, once)
    return _fit(counter, MultinomialNB(), (texts, labels, classes), once, cut)


def fit_tfidf_linear(
    texts: Sequence[str], labels: np.ndarray, classes: int, cut: Cut | None = None, sublinear: bool = True
) -> TextClassifier:
    """Weight words and pairs of words by tf-idf and apply logistic regression with C = 10.

    With `sublinear` a word's count enters as 1 + log(count).
    """
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) < 2:
        raise Undefined("the training part has one class only")
    counter = _make_counter(cut, _choose_longest(cut, texts, 2), True, sublinear)
    model = LogisticRegression(C=10.0, max_iter=MOST_ITERATIONS)
    return _fit(counter, model, (texts, labels, classes), sublinear, cut)


def _choose_longest(cut: Cut | None, texts: Sequence[str], longest: int) -> int:
    """Return of how many words runs are counted, or of how many of what there is instead of them."""
    if cut is None:
        return longest
    longest = max(longest, cut.longest)
    cut.check(texts, longest)
    return longest


def _make_counter(
    cut: Cut | None, longest: int, weighted: bool, damped: bool, terms: Sequence[str] | None = None
) -> Any:
    """Return what counts runs of tokens, or weights them by tf-idf; it is fitted unless it is told the `terms`."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    tokens: dict[str, Any] = {"ngram_range": (1, longest), "vocabulary": terms}
    if cut is not None:
        tokens |= {"tokenizer": cut.split, "token_pattern": None, "lowercase": False}
    return TfidfVectorizer(sublinear_tf=damped, **tokens) if weighted else CountVectorizer(binary=damped, **tokens)


def _fit(
    counter: Any, model: Any, train: tuple[Sequence[str], np.ndarray, int], damped: bool, cut: Cut | None
) -> TextClassifier:
    texts, labels, classes = train
    try:
        features = counter.fit_transform(texts)
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        raise Undefined("the training texts have no words") from None
    made = make_logistic(model.fit(features, labels), classes)
    terms, longest = counter.get_feature_names_out().tolist(), counter.ngram_range[1]
    return TextClassifier(terms, longest, damped, getattr(counter, "idf_", np.empty(0)), made, cut)
