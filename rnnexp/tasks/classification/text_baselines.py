"""Classifiers of texts that need no network, by scikit-learn: counted words, weighted words, pairs and characters.

All are fitted to the training texts, with labels (n,) from 0, and predict probabilities (n, classes): 0 for a class
that no training text has. `cut` makes tokens of a text; without it scikit-learn's rule holds: runs of two or more
letters and digits, in small letters. What cannot be fitted raises `Undefined`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from rnnexp.evaluation.classification import UNSEEN, LogisticModel, make_logistic
from rnnexp.evaluation.kept_baselines import NOT_KEPT, Numbers
from rnnexp.evaluation.report import Undefined
from rnnexp.evaluation.tfidf import (
    CHARACTERS,
    LONGEST,
    MOST_GRAMS,
    SHORTEST,
    Cut,
    choose_longest,
    count_terms,
    make_counter,
)
from rnnexp.models.logits import softmax

MOST_ITERATIONS = 1000

MAX_LONGEST = 20  # of a model that a file describes
INTERPOLATION = 0.25  # of NB-SVM: how far each weight of the machine stands beside their mean


@dataclass(frozen=True)
class TextClassifier:
    """A linear model of how often runs of tokens occur.

    terms:    the runs, in the order of the weights;  longest: tokens of a run, or characters by `analyzer`
    damped:   whether a count enters as 1 (`idf` empty), or as 1 + log(count)
    idf:      inverse document frequencies, by which counts are weighted before they are scaled; empty for counts alone
    """

    terms: list[str]
    longest: int
    damped: bool
    idf: Numbers
    model: LogisticModel
    analyzer: Literal["word", "char_wb"] = "word"
    cut: Cut | None = field(default=None, metadata=NOT_KEPT)

    def __post_init__(self) -> None:
        sizes = len(self.model.weights) == len(set(self.terms)) == len(self.terms) > 0
        if not sizes or self.idf.shape not in ((0,), (len(self.terms),)) or not 0 < self.longest < MAX_LONGEST:
            raise ValueError("terms and weights do not go together")

    def with_cut(self, cut: Cut) -> TextClassifier:
        """Return one that cuts texts so: it is read from a file without."""
        return replace(self, cut=cut)

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        return softmax(self.score(texts))

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Return log odds (n, classes), up to a constant."""
        counter = make_counter(self.cut, self.longest, bool(self.idf.size), self.damped, self.terms, self.analyzer)
        if self.idf.size:
            counter.idf_ = self.idf
        return self.model.score(counter.transform(texts))


@dataclass(frozen=True)
class WordsAndCharacters:
    """A linear model of words and of the characters in them: the scores of both are added."""

    words: TextClassifier
    characters: TextClassifier

    def __post_init__(self) -> None:
        if self.words.model.intercept.shape != self.characters.model.intercept.shape:
            raise ValueError("words and characters are of other classes")

    def with_cut(self, cut: Cut) -> WordsAndCharacters:
        """Return one that cuts texts into words so."""
        return replace(self, words=self.words.with_cut(cut))

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        return softmax(self.words.score(texts) + self.characters.score(texts))


def fit_naive_bayes(
    texts: Sequence[str], labels: np.ndarray, classes: int, cut: Cut | None = None, once: bool = True
) -> TextClassifier:
    """Count words, `once` per text or every time, and apply multinomial Naive Bayes with add-one smoothing.

    Source: Wang and Manning, Baselines and bigrams: simple, good sentiment and topic classification, 2012.
    """
    from sklearn.naive_bayes import MultinomialNB

    counter = make_counter(cut, choose_longest(cut, texts, 1), False, once)
    return _fit(counter, MultinomialNB(), (texts, labels, classes), once, cut)


def fit_tfidf_linear(
    texts: Sequence[str], labels: np.ndarray, classes: int, cut: Cut | None = None, sublinear: bool = True
) -> TextClassifier:
    """Weight words and pairs of words by tf-idf and apply logistic regression with C = 10.

    With `sublinear` a word's count enters as 1 + log(count).
    """
    from sklearn.linear_model import LogisticRegression

    _require_two(labels)
    counter = make_counter(cut, choose_longest(cut, texts, 2), True, sublinear)
    model = LogisticRegression(C=10.0, max_iter=MOST_ITERATIONS)
    return _fit(counter, model, (texts, labels, classes), sublinear, cut)


def fit_nb_svm(texts: Sequence[str], labels: np.ndarray, classes: int, cut: Cut | None = None) -> TextClassifier:
    """Say which words and pairs of words a text has, each times its log count ratio, to a support vector machine.

    Source: Wang and Manning, 2012, section 2.3, with the values of the paper: C = 1, and weights interpolated by 1/4.
    """
    counter = make_counter(cut, choose_longest(cut, texts, 2), False, True)
    model = fit_count_ratios(count_terms(counter, texts), labels, classes)
    terms = counter.get_feature_names_out().tolist()
    return TextClassifier(terms, counter.ngram_range[1], True, np.empty(0), model, cut=cut)


def fit_count_ratios(features: Any, labels: np.ndarray, classes: int) -> LogisticModel:
    """Fit NB-SVM to counts (n, terms), a sparse matrix, each class against all others.

    Raises Undefined where there is one class only.
    """
    from sklearn.svm import LinearSVC

    weights, intercept = np.zeros((features.shape[1], classes)), np.full(classes, UNSEEN)
    for one in _require_two(labels):
        own = labels == one
        counts = [np.asarray(features[rows].sum(axis=0)).ravel() + 1 for rows in (own, ~own)]
        ratio = np.log(counts[0] / counts[0].sum()) - np.log(counts[1] / counts[1].sum())
        machine = LinearSVC(C=1.0, random_state=0).fit(features.multiply(ratio).tocsr(), own)
        found = machine.coef_[0]
        weights[:, one] = ratio * ((1 - INTERPOLATION) * np.abs(found).mean() + INTERPOLATION * found)
        intercept[one] = machine.intercept_[0]
    return LogisticModel(weights, intercept)


def fit_tfidf_chars(
    texts: Sequence[str], labels: np.ndarray, classes: int, cut: Cut | None = None
) -> WordsAndCharacters:
    """Weight words, pairs of words and runs of 2 to 5 characters in words by tf-idf, for a support vector machine."""
    from scipy.sparse import hstack
    from sklearn.svm import LinearSVC

    _require_two(labels)
    grams = (LONGEST - SHORTEST + 1) * sum(map(len, texts))
    if grams > MOST_GRAMS:
        raise Undefined(f"there are {grams:.0e} runs of characters to count; the most is {MOST_GRAMS:.0e}")
    counters = [
        make_counter(cut, choose_longest(cut, texts, 2), True, True),
        make_counter(None, LONGEST, True, True, None, CHARACTERS),
    ]
    blocks = [count_terms(counter, texts) for counter in counters]
    both = make_logistic(LinearSVC(C=1.0, random_state=0).fit(hstack(blocks).tocsr(), labels), classes)
    border = blocks[0].shape[1]
    models = (
        LogisticModel(both.weights[:border], both.intercept),
        LogisticModel(both.weights[border:], both.intercept * 0),
    )
    words, characters = (
        TextClassifier(
            counter.get_feature_names_out().tolist(),
            counter.ngram_range[1],
            True,
            counter.idf_,
            model,
            counter.analyzer,
            own,
        )
        for counter, model, own in zip(counters, models, (cut, None))
    )
    return WordsAndCharacters(words, characters)


def _require_two(labels: np.ndarray) -> np.ndarray:
    known = np.unique(labels)
    if len(known) < 2:
        raise Undefined("the training set has one class only")
    return known


def _fit(
    counter: Any, model: Any, train: tuple[Sequence[str], np.ndarray, int], damped: bool, cut: Cut | None
) -> TextClassifier:
    texts, labels, classes = train
    features = count_terms(counter, texts)
    made = make_logistic(model.fit(features, labels), classes)
    terms, longest = counter.get_feature_names_out().tolist(), counter.ngram_range[1]
    return TextClassifier(terms, longest, damped, getattr(counter, "idf_", np.empty(0)), made, cut=cut)
