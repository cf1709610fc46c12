"""Smoothed n-grams: what a language model must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnexp.evaluation.kept_baselines import Numbers

MAX_ORDER = 20  # of a model that a file describes
NONE = -1  # a context that reaches back beyond the first token


@dataclass(frozen=True)
class NGram:
    """An n-gram of `order` tokens of a vocabulary of that size, learned from `tokens` (n,).

    What it needs of them are counts; the tokens themselves are fewer than their runs.
    """

    tokens: Numbers
    vocabulary: int
    order: int

    def __post_init__(self) -> None:
        ids = self.tokens
        sizes = ids.ndim == 1 and len(ids) and 0 < self.order <= MAX_ORDER
        if not sizes or not np.all((ids == np.floor(ids)) & (ids >= 0) & (ids < self.vocabulary)):
            raise ValueError("tokens and vocabulary do not go together")

    def predict(self, asked: np.ndarray) -> np.ndarray:
        """Return the log probabilities (tokens - 1,) of ids (tokens,) but the first, in nats."""
        return log_probabilities(self.tokens.astype(np.int64), asked, self.vocabulary, self.order)[-1]


@dataclass(frozen=True)
class _Order:
    """What of one order is asked for, (tokens,) each: how often the training part has the context, how often with the
    token that comes, and how many different tokens follow it there.
    """

    context: np.ndarray
    gram: np.ndarray
    kinds: np.ndarray


def log_probabilities(train: np.ndarray, asked: np.ndarray, vocabulary: int, order: int) -> list[np.ndarray]:
    """Return log p (tokens - 1,) of the tokens of `asked` but the first, in nats, by n-grams of order 1 to `order`.

    train, asked: ids (tokens,);  vocabulary: how many there are, all alike where nothing is known
    Witten-Bell smoothing, interpolated: p(w | h) = (c(hw) + T(h) p(w | h')) / (c(h) + T(h)), where T(h) is the number
    of different tokens that follow h, and h' is h without its first token (Chen and Goodman, 1998, section 2.6).
    """
    joined = np.concatenate([train, asked]).astype(np.int64)
    start = np.arange(len(joined)) == len(train)
    contexts, probability, found = np.zeros(len(joined), np.int64), np.full(len(asked) - 1, 1 / vocabulary), []
    for length in range(order):
        if length:
            contexts = _longer(contexts, joined, length, start)
        counts = _counted(contexts, joined, len(train))
        total = counts.context + counts.kinds
        mixed = (counts.gram + counts.kinds * probability) / np.maximum(total, 1)
        probability = np.where(total > 0, mixed, probability)
        found.append(np.log(probability))
    return found


def _longer(contexts: np.ndarray, tokens: np.ndarray, length: int, start: np.ndarray) -> np.ndarray:
    """Number the contexts that are longer by the token `length` places before; none reaches over a beginning."""
    before = np.concatenate([np.zeros(length, np.int64), tokens[:-length]])
    inside = contexts != NONE
    begin = int(np.flatnonzero(start)[0])
    inside[:length] = inside[begin : begin + length] = False
    pairs = contexts * (tokens.max() + 1) + before
    numbered = np.unique(pairs, return_inverse=True)[1]
    return np.where(inside, numbered, NONE)


def _counted(contexts: np.ndarray, tokens: np.ndarray, train: int) -> _Order:
    known = contexts[:train] != NONE
    pairs = (contexts + 1) * (tokens.max() + 1) + tokens
    grams = np.unique(pairs, return_inverse=True)[1]
    context_counts = np.bincount(contexts[:train][known], minlength=contexts.max() + 1)
    gram_counts = np.bincount(grams[:train][known], minlength=grams.max() + 1)
    first = np.unique(grams[:train][known], return_index=True)[1]
    kinds = np.bincount(contexts[:train][known][first], minlength=contexts.max() + 1)
    wanted, asked = contexts[train + 1 :], grams[train + 1 :]
    inside = wanted != NONE
    return _Order(
        np.where(inside, context_counts[wanted], 0),
        np.where(inside, gram_counts[asked], 0),
        np.where(inside, kinds[wanted], 0),
    )
