"""Transcripts that need no network: of all sequences the same, of each as long as it should be, of each step by itself.

Sequences (steps, channels) are given as a network sees them; all return a text for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.evaluation.report import Undefined
from rnnexp.models.ctc_decoding import decode_greedily
from rnnexp.tasks.transcription.alignment import match_steps, place_letters
from rnnexp.tasks.transcription.dataset import compose_text
from rnnexp.tasks.transcription.edit_distance import count_edits

Steps = Sequence[np.ndarray]

MOST_FEATURES, MOST_AROUND = 480, 3  # of a step with those around it, and how many of these on both sides
ROUNDS = 4  # of fitting and aligning anew
PENALTY = 1e-3  # of squared weights, in mean variances of a feature
SMALLEST = 1e-9
TIMES, SMOOTHS, TRIED = (0, 1, 3), (1, 3, 5, 9), 200  # what is tried, on so many texts
MOST_STEPS = 50_000  # of training, which take 160 MB
MOST_PRODUCTS = 4e10  # multiplications to fit the steps: some ten seconds of one core


@dataclass(frozen=True)
class MostFrequentText:
    """Writes the most frequent text of the training part."""

    text: str

    def predict(self, asked: Steps) -> list[str]:
        return [self.text] * len(asked)


@dataclass(frozen=True)
class OneLetter:
    """Writes the most frequent letter as often as a sequence of so many steps has letters; `rate` is that of a step."""

    letter: str
    rate: float

    def predict(self, asked: Steps) -> list[str]:
        return [self.letter * max(1, round(len(one) * self.rate)) for one in asked]


@dataclass(frozen=True)
class EachStep:
    """A linear discriminant analysis that gives each step a letter or the blank by its values and those around it.

    It knows nothing of longer relations: what a recurrent network must beat. It is fitted in rounds, in which each text
    is aligned with its sequence by what the last one says, from letters of equal length on: Viterbi training.

    weights: (channels * (2 * around + 1) + 1, 1 + letters), the last row added
    smooth:  steps whose scores are averaged
    """

    letters: list[str]
    around: int
    smooth: int
    weights: Numbers

    def __post_init__(self) -> None:
        if (
            self.weights.ndim != 2
            or self.weights.shape[1] != 1 + len(self.letters)
            or min(self.around, self.smooth) < 0
        ):
            raise ValueError("weights and letters do not go together")

    def predict(self, asked: Steps) -> list[str]:
        scores = [_widen(one, self.around) @ self.weights for one in asked]
        return [_write(_average(one, self.smooth), self.letters) for one in scores]


KINDS: dict[str, type] = {"most_frequent": MostFrequentText, "one_letter": OneLetter, "each_step": EachStep}


def fit_most_frequent(texts: Sequence[str]) -> MostFrequentText:
    counts = Counter(texts)
    return MostFrequentText(min(counts, key=lambda text: (-counts[text], text)))


def fit_one_letter(texts: Sequence[str], sequences: Steps) -> OneLetter:
    counts = Counter("".join(texts))
    letter = min(counts, key=lambda letter: (-counts[letter], letter))
    return OneLetter(letter, counts.total() / sum(map(len, sequences)))


def fit_each_step(numbered: Sequence[Sequence[int]], sequences: Steps, letters: Sequence[str]) -> EachStep:
    """Fit to sequences and the numbers of their letters, from 1; raises Undefined where it would take too long.

    Of many texts it takes the first. How much likelier the blank is, and over how many steps scores are averaged, is
    chosen on some of the same texts.
    """
    few = max(1, int(np.searchsorted(np.cumsum([*map(len, sequences)]), MOST_STEPS, side="right")))
    numbered, sequences = numbered[:few], sequences[:few]
    channels, steps, classes = sequences[0].shape[1], sum(map(len, sequences)), 1 + len(letters)
    around = int(min(MOST_AROUND, max(0, (MOST_FEATURES // channels - 1) // 2)))
    features = channels * (2 * around + 1)
    products = float(steps) * features * (features + ROUNDS * 2 * classes)
    if products > MOST_PRODUCTS:
        raise Undefined(f"it would take {products:.0e} multiplications to fit it to the training steps")
    wide = [_widen(one, around) for one in sequences]
    moments = sum(one.T @ one for one in wide) / steps
    labels = [place_letters(own, len(one)) for own, one in zip(numbered, sequences)]
    for last in range(ROUNDS):
        sums, shares = np.zeros((classes, features + 1)), np.zeros(classes)
        for one, own in zip(wide, labels):
            there = np.eye(classes)[own]
            sums, shares = sums + there.T @ one, shares + there.sum(axis=0) / steps
        weights = _discriminate(moments, sums[:, :-1] / steps, shares)
        if last < ROUNDS - 1:
            labels = match_steps([one @ weights for one in wide], numbered)
    scores = [one @ weights for one in wide[:TRIED]]
    texts = [compose_text("".join(letters[letter - 1] for letter in own)) for own in numbered[:TRIED]]
    prior, best = np.log(np.maximum(shares, SMALLEST)), (np.inf, 0, 1)
    for times, smooth in product(TIMES, SMOOTHS):
        found = [_write(_average(one + times * prior, smooth), letters) for one in scores]
        best = min(best, (float(count_edits(texts, found).sum()), times, smooth))
    weights[-1] += best[1] * prior
    return EachStep(list(letters), around, best[2], weights)


def _discriminate(moments: np.ndarray, sums: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the weights of a linear discriminant analysis whose classes are equally likely.

    moments: means of the products of all features, the last of which is 1;  sums: (classes, features) of each class,
    over all steps, and shares: (classes,) of steps
    """
    middle = moments[-1, :-1]
    means = np.where(shares[:, None] > 0, sums / np.maximum(shares, SMALLEST)[:, None], middle)
    between = (means - middle).T * shares @ (means - middle)
    within = moments[:-1, :-1] - np.outer(middle, middle) - between
    penalty = PENALTY * np.trace(within) / len(within) + SMALLEST
    weights = np.linalg.solve(within + penalty * np.eye(len(within)), means.T)
    return np.concatenate([weights, -0.5 * (means * weights.T).sum(axis=1)[None]])


def _average(scores: np.ndarray, steps: int) -> np.ndarray:
    """Average scores (time, classes) over this odd number of steps around each."""
    padded = np.pad(scores, ((steps // 2, steps // 2), (0, 0)), mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, steps, axis=0).mean(axis=-1)


def _write(scores: np.ndarray, letters: Sequence[str]) -> str:
    (found,) = decode_greedily(scores[None], np.array([len(scores)]))
    return compose_text("".join(letters[letter - 1] for letter in found))


def _widen(one: np.ndarray, around: int) -> np.ndarray:
    """Lay the steps around each one beside it, and a 1 for what is added: (steps, features)."""
    padded = np.pad(np.asarray(one, np.float64), ((around, around), (0, 0)), mode="edge")
    beside = [padded[first : first + len(one)] for first in range(2 * around + 1)]
    return np.concatenate([*beside, np.ones((len(one), 1))], axis=1)
