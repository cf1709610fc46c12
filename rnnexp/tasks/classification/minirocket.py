"""MiniRocket: ridge regression on how often what 84 fixed kernels answer to a sequence lies above their biases.

A kernel has nine weights, three of 2 and six of -1. Biases are quantiles of what it answers to training sequences, each
for one channel or the sum of several. Sequences of different length are stretched to the longest of the training part.

Source: Dempster, Schmidt and Webb, MiniRocket: a very fast (almost) deterministic transform for time series
classification, 2021; several channels as in the authors' code, https://github.com/angus924/minirocket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rnnexp.evaluation.classification import UNSEEN, LogisticModel
from rnnexp.evaluation.kept_baselines import Numbers
from rnnexp.evaluation.report import Undefined
from rnnexp.tasks.classification.sequence_baselines import Many, stretch

WEIGHTS = 9  # of a kernel
KERNELS = np.array(list(combinations(range(WEIGHTS), 3)))  # where its weights are 2, (84, 3)
FEATURES, MAX_DILATIONS, MAX_CHANNELS = 9_996, 32, 9  # as in the paper: 84 * 119
ALPHAS = np.logspace(-3, 3, 10)
MAX_EXAMPLES = 5_000  # that ridge regression solves for
MAX_VALUES = 1e6  # of sequences that go through the kernels: some ten seconds of one core
GOLDEN = (np.sqrt(5) + 1) / 2
SEED = 0  # of which sequences biases are taken from, and which channels kernels see


@dataclass(frozen=True)
class MiniRocket:
    """Kernels, and ridge regression on their answers.

    steps, channels: of the sequences;  dilations, counts: (dilations,) and biases of each
    seen:    (dilations * 84, channels) 1 for the channels that a kernel sees
    biases:  (features,);  scale: (2, features) mean and deviation of the answers in training
    """

    steps: int
    channels: int
    dilations: list[int]
    counts: list[int]
    seen: Numbers
    biases: Numbers
    scale: Numbers
    model: LogisticModel

    def __post_init__(self) -> None:
        kernels, features = len(self.dilations) * len(KERNELS), len(KERNELS) * sum(self.counts)
        shapes = (self.seen.shape, self.biases.shape, self.scale.shape, self.model.weights.shape[:1])
        if shapes != ((kernels, self.channels), (features,), (2, features), (features,)):
            raise ValueError("kernels, biases and weights do not go together")
        if len(self.counts) != len(self.dilations) or min(self.counts, default=0) < 1 or not features:
            raise ValueError("dilations and biases do not go together")
        if not 0 < min(self.dilations) <= max(self.dilations) <= self.steps or not self.scale[1].all():
            raise ValueError("a dilation is longer than a sequence, or a deviation is 0")

    def predict(self, asked: Many) -> np.ndarray:
        """Raises Undefined where it would take too long."""
        _require_few("sequences", len(asked) * self.steps * self.channels)
        answers = _transform(_stack(asked, self.steps), self.dilations, self.counts, self.seen, self.biases)
        return self.model.predict((answers - self.scale[0]) / self.scale[1])


def fit_minirocket(train: Many, labels: np.ndarray, classes: int) -> MiniRocket:
    """Raises Undefined where sequences are too short, too many, or of one class."""
    from sklearn.linear_model import RidgeClassifierCV

    steps, channels, known = max(map(len, train)), train[0].shape[1], np.unique(labels)
    _require(train, steps, channels, known)
    rng, sequences = np.random.default_rng(SEED), _stack(train, steps)
    dilations, counts = _choose_dilations(steps)
    seen = np.stack([_choose_channels(channels, rng) for _ in range(len(dilations) * len(KERNELS))])
    biases = _choose_biases(sequences, dilations, counts, seen, rng)
    answers = _transform(sequences, dilations, counts, seen, biases)
    mean, deviation = answers.mean(axis=0), answers.std(axis=0)
    scale = np.stack([mean, np.where(deviation > 0, deviation, 1.0)])
    ridge = RidgeClassifierCV(alphas=ALPHAS).fit((answers - scale[0]) / scale[1], labels)
    own, constant = np.atleast_2d(ridge.coef_).T, np.atleast_1d(ridge.intercept_)
    if len(known) == 2:
        own, constant = np.hstack([-own, own]), np.append(-constant, constant)
    weights, intercept = np.zeros((len(biases), classes)), np.full(classes, UNSEEN)
    weights[:, known], intercept[known] = own, constant
    return MiniRocket(steps, channels, dilations, counts, seen, biases, scale, LogisticModel(weights, intercept))


def _require(train: Many, steps: int, channels: int, known: np.ndarray) -> None:
    if steps < WEIGHTS:
        raise Undefined(f"the longest training sequence has {steps} steps, and a kernel {WEIGHTS}")
    if len(known) < 2:
        raise Undefined("the training set has one class only")
    if len(train) > MAX_EXAMPLES:
        raise Undefined(f"there are {len(train):,} training sequences; the most is {MAX_EXAMPLES:,}")
    _require_few("training sequences", len(train) * steps * channels)


def _require_few(what: str, values: int) -> None:
    if values > MAX_VALUES:
        raise Undefined(f"{what} of {values:.0e} values take too long; the most is {MAX_VALUES:.0e}")


def _stack(sequences: Many, steps: int) -> np.ndarray:
    """Return sequences (n, channels, steps)."""
    found = [stretch(one, steps).T for one in sequences]
    return np.asarray(np.stack(found), np.float32)


def _choose_dilations(steps: int) -> tuple[list[int], list[int]]:
    """Return dilations up to the length of a sequence, and how many biases each kernel has with each."""
    each = FEATURES // len(KERNELS)
    furthest = np.log2((steps - 1) / (WEIGHTS - 1))
    powers = np.logspace(0, furthest, min(each, MAX_DILATIONS), base=2).astype(int)
    dilations, often = np.unique(powers, return_counts=True)
    counts = (often * (each / min(each, MAX_DILATIONS))).astype(int)
    counts[np.arange(each - counts.sum()) % len(counts)] += 1
    return dilations.tolist(), counts.tolist()


def _choose_channels(channels: int, rng: np.random.Generator) -> np.ndarray:
    """Choose as many as 2 to the power of a uniform number."""
    most = np.log2(min(channels, MAX_CHANNELS) + 1)
    chosen = np.zeros(channels)
    chosen[rng.choice(channels, int(2 ** rng.uniform(0, most)), replace=False)] = 1
    return chosen


def _choose_biases(
    sequences: np.ndarray, dilations: Sequence[int], counts: Sequence[int], seen: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Take quantiles, in the order of a sequence of low discrepancy, of what each kernel answers to one sequence."""
    levels = (np.arange(1, len(KERNELS) * sum(counts) + 1) * GOLDEN) % 1
    found, done = np.zeros(len(levels)), 0
    for place, (dilation, count) in enumerate(zip(dilations, counts)):
        chosen = rng.integers(len(sequences), size=len(KERNELS))
        for _, answer in _convolve(sequences, dilation, seen, place, chosen):
            found[done : done + count] = np.quantile(answer, levels[done : done + count])
            done += count
    return found


def _transform(
    sequences: np.ndarray, dilations: Sequence[int], counts: Sequence[int], seen: np.ndarray, biases: np.ndarray
) -> np.ndarray:
    """Return the share of steps at which each answer is above each bias, (n, features)."""
    found, done = np.empty((len(sequences), len(biases))), 0
    for place, (dilation, count) in enumerate(zip(dilations, counts)):
        edge = (WEIGHTS - 1) * dilation // 2
        for kernel, answer in _convolve(sequences, dilation, seen, place):
            # Every other kernel counts at all steps, the others where they do not reach out of the sequence.
            whole = (place + kernel) % 2 == 0
            inner = answer if whole else answer[:, edge : answer.shape[1] - edge]
            for bias in biases[done : done + count]:
                found[:, done] = (inner > bias).mean(axis=1) if inner.shape[1] else 0.0
                done += 1
    return found


def _convolve(
    sequences: np.ndarray, dilation: int, seen: np.ndarray, place: int, chosen: np.ndarray | None = None
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each kernel's number and what it answers, (n, steps), or to one chosen sequence each, (1, steps)."""
    edge = (WEIGHTS - 1) * dilation // 2
    padded = np.pad(sequences, ((0, 0), (0, 0), (edge, edge)))
    shifted = np.stack([padded[..., i * dilation : i * dilation + sequences.shape[2]] for i in range(WEIGHTS)])
    total = shifted.sum(axis=0)
    for kernel, places in enumerate(KERNELS):
        rows = slice(None) if chosen is None else slice(chosen[kernel], chosen[kernel] + 1)
        answer = 3 * shifted[places][:, rows].sum(axis=0) - total[rows]
        channels = seen[place * len(KERNELS) + kernel] > 0
        yield kernel, answer[:, channels].sum(axis=1)
