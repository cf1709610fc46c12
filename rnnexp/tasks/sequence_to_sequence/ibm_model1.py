"""Translations that need no network: the most frequent answer, and a dictionary that is applied word by word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from rnnexp.evaluation.report import Undefined

LEAST = 1e-4  # probability of a translation beside the likeliest one
ROUNDS = 5  # of expectation and maximization
MOST_LINKS = 3e7  # tokens of a source beside each token of its target: 2 GB

Tokens = Sequence[str]


@dataclass(frozen=True)
class MostFrequent:
    """Answers everything with the most frequent target of the training part, as tokens."""

    tokens: list[str]

    def predict(self, asked: Sequence[Tokens]) -> list[list[str]]:
        return [self.tokens] * len(asked)


def fit_most_frequent(targets: Sequence[Tokens], join: Callable[[Tokens], str]) -> MostFrequent:
    """Of several take the first by alphabet; `join` makes a text of tokens."""
    texts = [join(tokens) for tokens in targets]
    counts = Counter(texts)
    chosen = min(counts, key=lambda text: (-counts[text], text))
    return MostFrequent(list(targets[texts.index(chosen)]))


@dataclass(frozen=True)
class Dictionary:
    """Replaces each token by its likeliest translation; one that the training part does not have stays as it is."""

    translations: dict[str, str]

    def predict(self, asked: Sequence[Tokens]) -> list[list[str]]:
        return [[self.translations.get(token, token) for token in tokens] for tokens in asked]


def learn_table(sources: Sequence[Tokens], targets: Sequence[Tokens], most: int) -> dict[str, dict[str, float]]:
    """Return the likeliest target tokens for each source token, the best first, with their probabilities.

    By IBM's Model 1 (Brown et al., The mathematics of statistical machine translation, 1993, section 4.1). Needs some
    70 bytes for each token of a source beside each of its target; Undefined where they are too many.
    """
    links = sum(len(s) * len(t) for s, t in zip(sources, targets))
    if links > MOST_LINKS:
        raise Undefined(f"{links:.0e} pairs of tokens are too many; the most is {MOST_LINKS:.0e}")
    words, known = ({w: i for i, w in enumerate(dict.fromkeys(chain.from_iterable(s)))} for s in (sources, targets))
    pairs = [(np.array([words[w] for w in s]), np.array([known[w] for w in t])) for s, t in zip(sources, targets)]
    left = np.concatenate([np.repeat(s, len(t)) for s, t in pairs])
    right = np.concatenate([np.tile(t, len(s)) for s, t in pairs])
    firsts = np.cumsum([0, *(len(t) for _, t in pairs)])
    place = np.concatenate([np.tile(np.arange(len(t)), len(s)) + first for (s, t), first in zip(pairs, firsts)])
    entries, entry = np.unique(left * len(known) + right, return_inverse=True)
    of = entries // len(known)
    chance = np.ones(len(entries))
    for _ in range(ROUNDS):
        share = chance[entry]
        share /= np.bincount(place, share)[place]
        counts = np.bincount(entry, share)
        chance = counts / np.bincount(of, counts)[of]
    order = np.lexsort((entries, -chance, of))
    names, answers = list(words), list(known)
    rank = np.arange(len(order)) - np.searchsorted(of[order], of[order])
    found: dict[str, dict[str, float]] = {}
    for i in order[(rank < most) & ((rank == 0) | (chance[order] > LEAST))]:
        found.setdefault(names[of[i]], {})[answers[entries[i] % len(known)]] = float(chance[i])
    return found
