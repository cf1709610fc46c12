"""Prediction intervals hold what they promise where errors are exchangeable, and say what they held elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import given
import numpy as np
import pytest
from given import evaluate

from rnnexp.data.sources.airline_passengers import airline_passengers
from rnnexp.errors import ConfigError, DataError
from rnnexp.evaluation.report import Report
from rnnexp.tasks import load
from rnnexp.tasks.forecasting import intervals
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.intervals import LEVELS, calibrate, fewest, rank

WAYS: dict[str, dict[str, Any]] = {
    "as they are": {"scaler": "none"},
    "standardized": {"scaler": "standard"},
    "each series by itself": {"scaler": "minmax", "per_series": True},
    "logarithms": {"scaler": ["log", "standard"]},
    "differences": {"scaler": ["difference", "standard"]},
    "differences of logarithms": {"scaler": ["log", "difference", "standard"], "per_series": True},
    "seasonal differences": {"scaler": ["log", "standard", "seasonal_difference", "difference"], "season": 2},
    "from the last value": {"scaler": ["standard", "last"]},
    "windows by themselves": {"scaler": ["difference", "instance"], "per_series": True},
    "one step at a time": {"scaler": ["log", "instance"], "strategy": "recursive"},
    "whole sequences": {"scaler": ["log", "difference"], "layout": "sequence"},
}


class Network:
    """Stands in for a network of any layout; what it answers depends on the input alone."""

    def __init__(self, dataset: SeriesDataset) -> None:
        plan = dataset.pipeline.plan
        self.horizon, self.whole = plan.horizon, plan.layout == "sequence"

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x)
        answer = np.repeat(0.9 * x[..., -1:] if self.whole else 0.9 * x[:, -1:, :1], self.horizon, axis=-2)
        return answer.reshape(*x.shape[:2], self.horizon, 1) if self.whole else answer


def dataset(**settings: Any) -> SeriesDataset:
    """Make two series of very different size that grow and never fall to 0."""
    generator = np.random.default_rng(0)
    tables = [size * np.exp(np.cumsum(generator.normal(0.01, 0.05, (90, 1)), axis=0)) for size in (1, 300)]
    return given.dataset(*tables, sequence_length=4, horizon=3, **settings)


def scored(data: SeriesDataset) -> Report:
    return evaluate(Network(data), data, 64)


def test_the_rank_is_the_one_worked_out_by_hand() -> None:
    errors = np.random.default_rng(0).permutation(np.arange(1.0, 20.0)) * np.where(np.arange(19) % 2, 1, -1)
    made = calibrate(errors[:, None, None])
    assert (rank(19, 90), rank(19, 80), rank(19, 95), rank(9, 90)) == (18, 16, 19, 9)
    assert [float(made.of(level)[0, 0]) for level in (50, 80, 90, 95)] == [10.0, 16.0, 18.0, 19.0]
    assert made.levels[-1] == 95
    with pytest.raises(DataError, match="no 96 % interval: it takes the errors of 24 validation forecasts, and there"):
        made.of(96)


@pytest.mark.parametrize("level", LEVELS)
def test_the_fewest_errors_are_just_enough(level: int) -> None:
    assert rank(fewest(level), level) <= fewest(level)
    assert rank(fewest(level) - 1, level) > fewest(level) - 1


@pytest.mark.parametrize(("growth", "holds"), [(1.0, True), (1.5, False)], ids=["exchangeable", "larger errors"])
def test_exchangeable_errors_are_held_as_often_as_promised(growth: float, holds: bool) -> None:
    generator, trials, count = np.random.default_rng(1), 4000, 39
    errors = generator.standard_t(3, size=(count + 1, trials, 1))
    made = calibrate(errors[:count])
    for level in (50, 80, 90, 95):
        share = float(np.mean(np.abs(growth * errors[count]) <= made.of(level)))
        promised = rank(count, level) / (count + 1)
        assert promised >= level / 100
        within = abs(share - promised) < 4 * np.sqrt(promised * (1 - promised) / trials)
        assert bool(within) is holds


def test_a_higher_level_is_never_narrower_and_steps_are_kept_apart() -> None:
    errors = np.random.default_rng(2).normal(size=(200, 3, 2)) * np.array([1.0, 2.0, 4.0])[:, None]
    made = calibrate(errors)
    assert made.levels == LEVELS
    assert np.all(np.diff(made.half, axis=0) >= 0)
    assert np.all(np.diff(made.of(90), axis=0) > 0.5)


@pytest.mark.parametrize("way", WAYS)
def test_a_value_lies_within_its_bounds_exactly_if_its_error_is_small_enough(way: str) -> None:
    data = dataset(**WAYS[way])
    report = scored(data)
    low, high = report.predictions.bounds  # type: ignore[misc]
    actual = report.predictions.actual
    held = float(np.mean((low <= actual) & (actual <= high)))
    assert held == report.metrics["test/coverage_90"] == report.intervals.held(90)  # type: ignore[union-attr]
    assert 0.5 < held < 1
    assert np.all((low < report.predictions.predicted) & (report.predictions.predicted < high))
    assert report.metrics["test/interval_width_90"] == pytest.approx(np.mean(high - low))


@pytest.mark.parametrize("way", WAYS)
def test_the_part_they_are_made_from_is_held_as_promised(way: str) -> None:
    data = dataset(**WAYS[way])
    made = scored(data).intervals
    again = evaluate(Network(data), replace(data, scored="val"), 64, intervals=made)
    count = made.examples  # type: ignore[union-attr]
    low, high = again.predictions.bounds  # type: ignore[misc]
    slack = 1e-6 * (high - low)  # the error that sets the width lies on the border itself
    inside = (low - slack <= again.predictions.actual) & (again.predictions.actual <= high + slack)
    assert np.all(inside.sum(axis=0) == rank(count, 90))


def test_series_of_different_size_get_intervals_of_their_size() -> None:
    report = scored(dataset(scaler="standard", per_series=True))
    low, high = report.predictions.bounds  # type: ignore[misc]
    half = len(low) // 2
    assert np.mean(high[half:] - low[half:]) > 50 * np.mean(high[:half] - low[:half])


def test_without_a_validation_part_there_are_none_and_it_is_said() -> None:
    report = scored(dataset(split={"train": 0.7, "val": 0, "test": 0.3}))
    assert "data.split has no validation set" in report.skipped["prediction intervals of 90 %"]
    assert report.predictions.bounds is None
    assert "test/coverage_90" not in report.metrics


def test_too_few_errors_give_no_interval_rather_than_a_wrong_one() -> None:
    report = scored(dataset(split={"train": 60, "val": 6, "test": 20}))
    assert report.intervals.levels[-1] == 88  # type: ignore[union-attr]
    assert "of 9 validation forecasts, and there are 8" in report.skipped["prediction intervals of 90 %"]
    assert "prediction intervals of 90 %" not in scored(dataset()).skipped


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    made = scored(dataset(scaler="log")).intervals
    assert made is not None
    made.write(tmp_path)
    again = intervals.read(tmp_path, (3, 1))
    assert (again.levels, again.examples, again.coverage) == (made.levels, made.examples, made.coverage)
    assert np.allclose(again.half, made.half, rtol=1e-8)


@pytest.mark.parametrize("damage", [{"half": [[[1.0]]]}, {"half": "x"}, {"coverage": [0.5]}, {"examples": None}])
def test_a_damaged_file_is_named(damage: dict[str, Any], tmp_path: Path) -> None:
    calibrate(np.ones((50, 3, 1))).write(tmp_path)
    file = tmp_path / intervals.FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | damage))
    with pytest.raises(ConfigError, match=r"intervals\.json: cannot be read as prediction intervals"):
        intervals.read(tmp_path, (3, 1))


def test_a_model_of_an_earlier_version_has_none_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no 90 % interval: the model was saved without any, by an earlier version"):
        intervals.read(tmp_path, (3, 1)).of(90)


def test_many_steps_and_targets_are_kept_at_few_levels() -> None:
    assert calibrate(np.ones((120, 700, 6))).levels == intervals.FEW_LEVELS
    assert calibrate(np.ones((120, 600, 6))).levels == LEVELS
    assert "kept were 50, 80, 90, 95, 99" in calibrate(np.ones((120, 700, 6))).missing(70)


def test_the_table_of_predictions_holds_the_bounds() -> None:
    report = evaluate(Network(data := load(airline_passengers(horizon=3))), data, 64)  # type: ignore[arg-type]
    table = report.tables["predictions"]
    assert list(table.columns[-3:]) == ["predicted", "low_90", "high_90"]
    assert np.mean(table["actual"].between(table["low_90"], table["high_90"])) == report.metrics["test/coverage_90"]
