"""The loss of strings against the sum over all alignments, by a forward algorithm and by trying every path."""

from __future__ import annotations

from itertools import groupby, product
from typing import Any

import numpy as np
import pytest

from rnnexp import registry

LENGTHS = np.array([6, 4, 6, 3])
STRINGS = ([1, 2, 2], [1], [2, 1, 2, 1], [3, 3])
LOGITS = np.random.default_rng(4).normal(size=(4, 6, 4)).astype("float32")


def pack(strings: tuple[list[int], ...], lengths: np.ndarray) -> np.ndarray:
    """Lay out the truth: how many steps count, then the letters, then zeros."""
    most = max(map(len, strings))
    return np.array([[steps, *own, *[0] * (most - len(own))] for own, steps in zip(strings, lengths)], "int32")


def log_shares(logits: np.ndarray) -> np.ndarray:
    logits = logits.astype(np.float64)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def go_forward(logits: np.ndarray, string: list[int]) -> float:
    """Return minus the log probability of a string of letters by (time, classes) (Graves et al., 2006, eq. 6 to 8)."""
    logs, states = log_shares(logits), [0]
    for letter in string:
        states += [letter, 0]
    skips = [at >= 2 and states[at] != 0 and states[at] != states[at - 2] for at in range(len(states))]
    alpha = np.full(len(states), -np.inf)
    alpha[:2] = logs[0, states[:2]]
    for row in logs[1:]:
        before = np.concatenate([[-np.inf, -np.inf], alpha])
        reached = np.logaddexp(before[2:], before[1:-1])
        alpha = np.where(skips, np.logaddexp(reached, before[:-2]), reached) + row[states]
    return -float(np.logaddexp(*alpha[-2:]))


def try_paths(logits: np.ndarray, string: list[int]) -> float:
    logs, total = log_shares(logits), 0.0
    for path in product(range(logs.shape[1]), repeat=len(logs)):
        if [letter for letter, _ in groupby(path) if letter] == string:
            total += float(np.exp(sum(logs[step, letter] for step, letter in enumerate(path))))
    return -float(np.log(total))


def loss(truth: Any, logits: Any, **more: Any) -> float:
    return float(registry.lookup("loss", "ctc")().build()(truth, logits, **more))


EACH = np.array([go_forward(LOGITS[row, :steps], STRINGS[row]) for row, steps in enumerate(LENGTHS)])


def test_the_forward_algorithm_adds_up_every_path() -> None:
    for row, steps in enumerate(LENGTHS):
        assert try_paths(LOGITS[row, :steps], STRINGS[row]) == pytest.approx(EACH[row], rel=1e-9)


def test_the_loss_is_the_mean_over_strings_of_the_sum_over_alignments() -> None:
    assert loss(pack(STRINGS, LENGTHS), LOGITS) == pytest.approx(EACH.mean(), rel=1e-5)
    for row in (0, 3):
        alone = loss(pack(STRINGS[row : row + 1], LENGTHS[row : row + 1]), LOGITS[row : row + 1])
        assert alone == pytest.approx(EACH[row], rel=1e-5)
    assert loss(pack(STRINGS, np.full(4, 6)), LOGITS) != pytest.approx(EACH.mean(), rel=1e-2)


def test_what_follows_the_end_of_a_sequence_changes_nothing() -> None:
    other = LOGITS.copy()
    other[1, 4:], other[3, 3:] = 7.0, -7.0
    assert loss(pack(STRINGS, LENGTHS), other) == pytest.approx(EACH.mean(), rel=1e-5)
    other[1, 3] = 7.0
    assert loss(pack(STRINGS, LENGTHS), other) != pytest.approx(EACH.mean(), rel=1e-3)


def test_weights_count_strings() -> None:
    weight = np.array([2, 0, 1, 0.5], "float32")
    found = loss(pack(STRINGS, LENGTHS), LOGITS, sample_weight=weight)
    assert found == pytest.approx((weight * EACH).sum() / 4, rel=1e-5)


def test_the_gradient_is_that_of_small_differences() -> None:
    import jax

    built, truth = registry.lookup("loss", "ctc")().build(), pack(STRINGS, LENGTHS)
    found = np.asarray(jax.grad(lambda logits: built(truth, logits))(LOGITS))

    def compute(logits: np.ndarray) -> float:
        return float(np.mean([go_forward(logits[row, :n], STRINGS[row]) for row, n in enumerate(LENGTHS)]))

    step = 1e-5
    for at in [(0, 0, 0), (0, 3, 2), (1, 2, 1), (2, 5, 1), (3, 1, 3), (1, 5, 0)]:
        moved = np.zeros(LOGITS.shape)
        moved[at] = step
        slope = (compute(LOGITS + moved) - compute(LOGITS - moved)) / (2 * step)
        assert found[at] == pytest.approx(slope, abs=1e-5)
    assert np.abs(found).max() > 0.05


def test_a_string_that_is_sure_costs_nothing_up_to_rounding() -> None:
    sure = np.full((1, 6, 4), -30.0, "float32")
    sure[0, np.arange(6), [1, 1, 0, 2, 2, 2]] = 30.0
    assert loss(pack(([1, 2],), np.array([6])), sure) == pytest.approx(0, abs=1e-5)
