"""Ridge regression on summaries of sequences, as scikit-learn computes it."""

from __future__ import annotations

import numpy as np
import pytest

from rnnexp.evaluation.report import Undefined
from rnnexp.tasks.regression.baselines import Mean, fit_summary_ridge


def make(count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Make sequences of unlike length, and of each its mean over channels and a hundred times its first value."""
    rng = np.random.default_rng(0)
    made = [rng.normal(size=(rng.integers(3, 9), 2)) for _ in range(count)]
    return made, np.array([[one.mean(axis=0).sum(), 100 * one[0, 0]] for one in made])


def test_what_summaries_tell_is_found_in_each_target() -> None:
    made, numbers = make(80)
    found = fit_summary_ridge(made[:60], numbers[:60]).predict(made[60:])
    assert np.abs((found - numbers[60:]) / numbers.std(axis=0)).max() < 0.01
    other = fit_summary_ridge(made[:60], np.random.default_rng(1).permutation(numbers[:60])).predict(made[60:])
    assert np.abs((other - numbers[60:]) / numbers.std(axis=0)).mean() > 0.5


def test_one_target_of_constant_sequences_is_predicted_by_its_mean() -> None:
    made = [np.full((4, 1), 3.0) for _ in range(5)]
    numbers = np.arange(5.0)[:, None]
    assert fit_summary_ridge(made, numbers).predict(made[:2]).ravel() == pytest.approx([2, 2])
    assert Mean(numbers.mean(axis=0)).predict(made[:2]).tolist() == [[2], [2]]


def test_too_few_sequences_and_other_channels_are_left_out_with_the_reason() -> None:
    made, numbers = make(4)
    with pytest.raises(Undefined, match="there are only 2 training sequences"):
        fit_summary_ridge(made[:2], numbers[:2])
    with pytest.raises(Undefined, match="sequences of other channels"):
        fit_summary_ridge(made, numbers).predict([np.ones((3, 1))])
