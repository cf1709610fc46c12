"""Transcripts that need no network: of all sequences the same, of each as long as it should be, of each step by itself.

Sequences (steps, channels) are given as a network sees them; all return a text for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.evaluation.report import Undefined
from rnnexp.models.ctc_decoding import decode_greedily
from rnnexp.tasks.transcription.alignment import match_steps, place_letters
from rnnexp.tasks.transcription.dataset import compose_text

Steps = Sequence[np.ndarray]

MOST_FEATURES, MOST_AROUND = 480, 3  # of a step with those around it, and how many of these on both sides
ROUNDS = 4  # of fitting and aligning anew
PENALTY = 1e-3  # of squared weights, for each step
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
    """A ridge regression that gives each step a letter or the blank by its values and those of a few steps around it.

    It knows nothing of longer relations: what a recurrent network must beat. It is fitted in rounds, in which each text
    is aligned with its sequence by what the last one says, from letters of equal length on: Viterbi training.

    weights: (channels * (2 * around + 1) + 1, 1 + letters), the last row added
    """

    letters: list[str]
    around: int
    weights: Numbers

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or self.weights.shape[1] != 1 + len(self.letters) or self.around < 0:
            raise ValueError("weights and letters do not go together")

    def predict(self, asked: Steps) -> list[str]:
        found = []
        for one in asked:
            scores = _widen(one, self.around) @ self.weights
            (letters,) = decode_greedily(scores[None], np.array([len(one)]))
            found.append(compose_text("".join(self.letters[letter - 1] for letter in letters)))
        return found


KINDS: dict[str, type] = {"most_frequent": MostFrequentText, "one_letter": OneLetter, "each_step": EachStep}


def fit_most_frequent(texts: Sequence[str]) -> MostFrequentText:
    counts = Counter(texts)
    return MostFrequentText(min(counts, key=lambda text: (-counts[text], text)))


def fit_one_letter(texts: Sequence[str], sequences: Steps) -> OneLetter:
    counts = Counter("".join(texts))
    letter = min(counts, key=lambda letter: (-counts[letter], letter))
    return OneLetter(letter, counts.total() / sum(map(len, sequences)))


def fit_each_step(numbered: Sequence[Sequence[int]], sequences: Steps, letters: Sequence[str]) -> EachStep:
    """Fit to sequences and the numbers of their letters, from 1; raises Undefined where it would take too long."""
    channels, steps = sequences[0].shape[1], sum(map(len, sequences))
    around = int(min(MOST_AROUND, max(0, (MOST_FEATURES // channels - 1) // 2)))
    features = channels * (2 * around + 1) + 1
    products = float(steps) * features * (features + ROUNDS * (1 + len(letters)))
    if products > MOST_PRODUCTS:
        raise Undefined(f"it would take {products:.0e} multiplications to fit it to the training steps")
    wide = [_widen(one, around) for one in sequences]
    square = sum(one.T @ one for one in wide) + PENALTY * steps * np.eye(features)
    labels = [place_letters(own, len(one)) for own, one in zip(numbered, sequences)]
    for last in range(ROUNDS):
        answers = np.zeros((features, 1 + len(letters)))
        for one, own in zip(wide, labels):
            answers += one.T @ np.eye(1 + len(letters))[own]
        weights = np.linalg.solve(square, answers)
        if last < ROUNDS - 1:
            labels = match_steps([one @ weights for one in wide], numbered)
    return EachStep(list(letters), around, weights)


def _widen(one: np.ndarray, around: int) -> np.ndarray:
    """Lay the steps around each one beside it, and a 1 for what is added: (steps, features)."""
    padded = np.pad(np.asarray(one, np.float64), ((around, around), (0, 0)), mode="edge")
    beside = [padded[first : first + len(one)] for first in range(2 * around + 1)]
    return np.concatenate([*beside, np.ones((len(one), 1))], axis=1)
