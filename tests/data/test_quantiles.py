"""Several quantiles of a number: how they stand, what they are called, and that their loss is the known one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from rnnexp.data.quantiles import find_flaw, name_others, score_pinball, split_quantiles, take_median
from rnnexp.data.spec import InputSpec, TaskSpec

LEVELS = (0.05, 0.3, 0.5, 0.975)


@pytest.mark.parametrize("seed", range(4))
def test_the_pinball_loss_is_that_of_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    actual, values = generator.normal(size=(7, 3, 2)), generator.normal(size=(7, 3, 2, 4))
    pairs = zip(LEVELS, np.moveaxis(values, -1, 0))
    expected = [mean_pinball_loss(actual.ravel(), one.ravel(), alpha=level) for level, one in pairs]
    assert score_pinball(actual, values, LEVELS) == pytest.approx(expected, rel=1e-12)
    assert score_pinball(actual, values[..., ::-1], LEVELS) != pytest.approx(expected, rel=1e-2)


def test_the_quantiles_of_a_target_stand_side_by_side_and_the_median_is_the_forecast() -> None:
    outputs = np.arange(8.0).reshape(1, 1, 8)
    assert split_quantiles(outputs, LEVELS).tolist() == [[[[0, 1, 2, 3], [4, 5, 6, 7]]]]
    assert take_median(outputs, LEVELS).tolist() == [[[2, 6]]]
    assert take_median(outputs, ()) is outputs


def test_columns_are_called_by_percent_and_the_median_by_its_target_alone() -> None:
    assert name_others(LEVELS) == {"q5": 0, "q30": 1, "q97.5": 3}


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ([0.5], "two or more"),
        ([], "two or more"),
        ([0.5, 0.1], "that rise"),
        ([0.1, 0.5, 0.5], "that rise"),
        ([0.0, 0.5], "between 0 and 1"),
        ([0.5, 1.0], "between 0 and 1"),
        ([float("nan"), 0.5], "between 0 and 1"),
        ([0.1, 0.9], r"0\.5 must be among them: the median is the forecast"),
    ],
)
def test_what_cannot_be_the_quantiles_of_a_network_is_said(levels: list[float], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        assert find_flaw(levels) == ""
    assert find_flaw([0.1, 0.5, 0.9]) == ""


def test_a_spec_of_quantiles_has_that_many_outputs_for_each_target_and_goes_back() -> None:
    one = TaskSpec("forecasting", {"past": InputSpec((4, 1))}, (3, 2))
    several = one.with_quantiles(LEVELS)
    assert several.output_shape == (3, 8)
    assert several.with_quantiles(LEVELS) == several
    assert several.with_quantiles((0.1, 0.5)).output_shape == (3, 4)
    assert several.with_quantiles(()) == one
    assert one.flaw() == several.flaw() == ""


def test_a_damaged_spec_of_quantiles_describes_no_model() -> None:
    spec = TaskSpec("forecasting", {"past": InputSpec((4, 1))}, (3, 7))
    assert "7 outputs for 4 quantiles" in TaskSpec(**{**vars(spec), "quantiles": LEVELS}).flaw()
    assert "cannot be its quantiles" in TaskSpec(**{**vars(spec), "quantiles": (0.9, 0.5)}).flaw()
