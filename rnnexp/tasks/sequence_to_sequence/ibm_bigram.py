"""Translations word by word that fit to one another: IBM's Model 1 with a bigram model of the target.

Each source token becomes one of its likeliest translations, in the order of the source; which one, the bigrams of what
was written before decide, by the Viterbi algorithm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

from rnnexp.evaluation.report import Undefined
from rnnexp.tasks.sequence_to_sequence.ibm_model1 import Tokens, learn_table

MAX_CANDIDATES = 8  # translations of a token that are tried
MAX_TRIED = 3e7  # pairs of candidates in a row: some ten seconds of one core
EDGE = ""  # what stands before the first token and after the last
WEIGHT = 0.2  # of the bigrams beside the translations, chosen on the validation part of Multi30k


@dataclass(frozen=True)
class BigramDictionary:
    """Chooses among the likeliest translations of each token; one that the training part does not have stays as it is.

    translations: of each source token, with their probabilities
    follows: how often each target token stands after another one
    """

    translations: dict[str, dict[str, float]]
    follows: dict[str, dict[str, int]]

    def __post_init__(self) -> None:
        if not self.follows or not all(self.follows.values()) or not all(self.translations.values()):
            raise ValueError("there are no words")
        counts = [count for after in self.follows.values() for count in after.values()]
        chances = [chance for own in self.translations.values() for chance in own.values()]
        if min(counts) < 1 or min(chances, default=1.0) <= 0:
            raise ValueError("a count or a probability is not above 0")

    def predict(self, asked: Sequence[Tokens]) -> list[list[str]]:
        """Raises Undefined where it would take too long."""
        if sum(map(len, asked)) * MAX_CANDIDATES**2 > MAX_TRIED:
            raise Undefined(f"{sum(map(len, asked)):,} tokens take too long to choose among their translations")
        bigrams = Bigrams(self.follows)
        return [self._translate(tokens, bigrams) for tokens in asked]

    def _translate(self, tokens: Tokens, bigrams: Bigrams) -> list[str]:
        """Keep the best beginning for each of the candidates that it may end with."""
        paths: dict[str, tuple[float, tuple[str, ...]]] = {EDGE: (0.0, ())}
        for token in tokens:
            candidates = self.translations.get(token, {token: 1.0})
            paths = {
                word: max(
                    (score + bigrams.score(last, word) + log(chance), (*path, word))
                    for last, (score, path) in paths.items()
                )
                for word, chance in candidates.items()
            }
        return list(max((score + bigrams.score(last, EDGE), path) for last, (score, path) in paths.items())[1])


class Bigrams:
    """Log probabilities of tokens after another, by Witten and Bell's interpolation with how often tokens occur."""

    def __init__(self, follows: Mapping[str, Mapping[str, int]]) -> None:
        self.follows = follows
        self.totals = {token: sum(after.values()) for token, after in follows.items()}
        self.single: Counter[str] = Counter()
        for after in follows.values():
            self.single.update(after)
        self.all = sum(self.single.values())

    def score(self, before: str, token: str) -> float:
        """Return the log probability of a token, times the weight of the bigrams."""
        alone = max(self.single[token], 1) / self.all
        after = self.follows.get(before, {})
        total, kinds = self.totals.get(before, 0), len(after)
        return WEIGHT * log((after.get(token, 0) + kinds * alone) / (total + kinds) if kinds else alone)


def fit_bigram_dictionary(sources: Sequence[Tokens], targets: Sequence[Tokens]) -> BigramDictionary:
    """Raises Undefined where there are too many tokens to align."""
    follows: dict[str, dict[str, int]] = {}
    for tokens in targets:
        for before, token in zip([EDGE, *tokens], [*tokens, EDGE]):
            after = follows.setdefault(before, {})
            after[token] = after.get(token, 0) + 1
    return BigramDictionary(learn_table(sources, targets, MAX_CANDIDATES), follows)
