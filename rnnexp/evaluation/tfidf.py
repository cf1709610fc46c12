"""Texts as counts of runs of tokens, plain or weighted by tf-idf, by scikit-learn.

A `Cut` makes tokens of a text; without it scikit-learn's rule holds: runs of two or more letters and digits, in small
letters. What cannot be counted raises `Undefined`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rnnexp.data.texts.tokens import Tokenizer
from rnnexp.evaluation.kept_baselines import NOT_KEPT, Numbers
from rnnexp.evaluation.report import Undefined

CHARACTERS = "char_wb"  # scikit-learn's name for runs of characters within a word
SHORTEST, LONGEST = 2, 5  # runs of characters
MOST_GRAMS = 3e7  # runs of tokens that are counted: some minute of one core, and 3 GB
RUN = 4  # of tokens that are less than words, at most: what a baseline of texts counts
PAIRS = 2  # of words, at most


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


def make_cut(tokenizer: Tokenizer) -> Cut:
    """Cut texts as a network's are; single characters and pieces of words mean little, but runs of them do."""
    return Cut(tokenizer.split, 1 if tokenizer.kind in ("word", "blank") else RUN)


@dataclass(frozen=True)
class TfIdf:
    """Runs of tokens, each 1 + log(count) times its inverse document frequency, scaled to length 1 for each text."""

    terms: list[str]
    longest: int
    idf: Numbers
    cut: Cut | None = field(default=None, metadata=NOT_KEPT)

    def __post_init__(self) -> None:
        if self.idf.shape != (len(self.terms),) or not self.terms or not 0 < self.longest <= max(RUN, PAIRS):
            raise ValueError("terms and frequencies do not go together")

    def with_cut(self, cut: Cut) -> TfIdf:
        """Return one that cuts texts so: it is read from a file without."""
        return replace(self, cut=cut)

    def transform(self, texts: Sequence[str]) -> Any:
        """Return a sparse matrix (n, terms)."""
        counter = make_counter(self.cut, self.longest, True, True, self.terms)
        counter.idf_ = self.idf
        return counter.transform(texts)


def fit_tfidf(texts: Sequence[str], cut: Cut | None = None) -> TfIdf:
    """Weigh words and pairs of words of the training texts."""
    counter = make_counter(cut, choose_longest(cut, texts, PAIRS), True, True)
    count_terms(counter, texts)
    return TfIdf(counter.get_feature_names_out().tolist(), counter.ngram_range[1], counter.idf_, cut)


def choose_longest(cut: Cut | None, texts: Sequence[str], longest: int) -> int:
    """Return of how many words runs are counted, or of how many of what there is instead of them."""
    if cut is None:
        return longest
    longest = max(longest, cut.longest)
    cut.check(texts, longest)
    return longest


def make_counter(
    cut: Cut | None,
    longest: int,
    weighted: bool,
    damped: bool,
    terms: Sequence[str] | None = None,
    analyzer: str = "word",
) -> Any:
    """Return what counts runs of tokens, or weights them by tf-idf; it is fitted unless it is told the `terms`."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

    shortest = SHORTEST if analyzer == CHARACTERS else 1
    tokens: dict[str, Any] = {"ngram_range": (shortest, longest), "vocabulary": terms, "analyzer": analyzer}
    if cut is not None:
        tokens |= {"tokenizer": cut.split, "token_pattern": None, "lowercase": False}
    return TfidfVectorizer(sublinear_tf=damped, **tokens) if weighted else CountVectorizer(binary=damped, **tokens)


def count_terms(counter: Any, texts: Sequence[str]) -> Any:
    """Return what a counter that is fitted to texts makes of them; raises Undefined where there is nothing."""
    try:
        return counter.fit_transform(texts)
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        raise Undefined("the training texts have no words") from None
