"""Which step of a sequence each letter of its text belongs to: as they are spread evenly, and as scores say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

AT_ONCE = 256  # sequences that are aligned side by side: changes the speed, not the result
NEVER = -1e30


def place_letters(letters: Sequence[int], steps: int) -> np.ndarray:
    """Return a class for each step: letters of equal length, each in the middle of its share, blanks (0) around it."""
    place = (np.arange(steps) + 0.5) / steps * len(letters)
    which = np.minimum(place.astype(int), len(letters) - 1)
    inside = np.abs(place - which - 0.5) <= 0.25
    return np.where(inside, np.asarray(letters)[which], 0)


def match_steps(scores: Sequence[np.ndarray], letters: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Return the best path (steps,) that gives each text, by the sum of its scores (steps, classes), of which the first
    is that of the blank: the algorithm of Viterbi over the states of connectionist temporal classification.
    """
    found: list[np.ndarray] = []
    for first in range(0, len(scores), AT_ONCE):
        found += _match_some(scores[first : first + AT_ONCE], letters[first : first + AT_ONCE])
    return found


def _match_some(scores: Sequence[np.ndarray], letters: Sequence[Sequence[int]]) -> list[np.ndarray]:
    count, rows, steps = len(scores), np.arange(len(scores)), np.array([*map(len, scores)])
    ends = 2 * np.array([*map(len, letters)])  # the last blank of each
    states = np.zeros((count, int(ends.max()) + 1), np.int64)
    for row, own in enumerate(letters):
        states[row, 1 : 2 * len(own) : 2] = own
    skips = np.zeros(states.shape, dtype=bool)
    skips[:, 2:] = (states[:, 2:] != 0) & (states[:, 2:] != states[:, :-2])
    padded = np.zeros((count, int(steps.max()), scores[0].shape[1]))
    for row, one in enumerate(scores):
        padded[row, : len(one)] = one

    best = np.full(states.shape, NEVER)
    best[:, :2] = padded[rows[:, None], 0, states[:, :2]]
    moves = np.zeros((padded.shape[1], *states.shape), np.int8)
    for step in range(1, padded.shape[1]):
        before = np.pad(best, ((0, 0), (2, 0)), constant_values=NEVER)
        ways = np.stack([best, before[:, 1:-1], np.where(skips, before[:, :-2], NEVER)])
        moves[step] = ways.argmax(axis=0)
        after = ways.max(axis=0) + padded[rows[:, None], step, states]
        best = np.where((step < steps)[:, None], after, best)
    at = np.where(best[rows, ends] >= best[rows, ends - 1], ends, ends - 1)
    paths = np.zeros((count, padded.shape[1]), np.int64)
    for step in range(padded.shape[1] - 1, -1, -1):
        paths[:, step] = states[rows, at]
        at = np.where(step < steps, at - moves[step, rows, at], at)
    return [path[:length] for path, length in zip(paths, steps)]
