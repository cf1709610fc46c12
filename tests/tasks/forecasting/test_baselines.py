"""Baselines: small series by hand, and the known numbers of real data."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import given
import numpy as np
import pytest

from rnnexp.data.sources.airline_passengers import airline_passengers
from rnnexp.data.sources.csv import csv
from rnnexp.data.sources.synthetic import sine
from rnnexp.evaluation import metrics
from rnnexp.tasks import load
from rnnexp.tasks.forecasting import baselines, linear, normal_equations
from rnnexp.tasks.forecasting.baselines import Task, Undefined
from rnnexp.tasks.forecasting.dataset import SeriesDataset

TUTORIAL = {"train": 96, "val": 0, "test": 46, "gap": 1}


def task(values: list[float], origin: int, horizon: int = 1, season: int | None = None) -> Task:
    column = np.array(values, dtype=float)[:, None]
    return Task(column, np.array([origin]), np.array([0]), horizon, season)


def test_persistence_repeats_the_last_value() -> None:
    assert baselines.persistence(task([1, 2, 5], 2, 3)).ravel().tolist() == [5, 5, 5]


def test_drift_goes_on_with_the_mean_slope() -> None:
    assert baselines.drift(task([1, 2, 5], 2, 2)).ravel().tolist() == [7, 9]


def test_seasonal_naive_repeats_the_last_season_beyond_one_season_too() -> None:
    assert baselines.seasonal_naive(task([1, 2, 3, 4], 3, 5, season=2)).ravel().tolist() == [3, 4, 3, 4, 3]


def test_seasonal_growth_is_the_product_rule() -> None:
    values = [10.0, 20.0, 15.0, 30.0]
    assert baselines.seasonal_growth(task(values, 3, 1, season=2)).item() == 15.0 * 30.0 / 20.0


def test_no_season_leaves_the_seasonal_baselines_out() -> None:
    with pytest.raises(Undefined, match="no season is given"):
        baselines.seasonal_naive(task([1, 2, 3], 2))


def test_too_little_history_leaves_the_seasonal_baselines_out() -> None:
    with pytest.raises(Undefined, match="less than one season before it"):
        baselines.seasonal_naive(task([1, 2, 3], 2, season=4))


def test_growth_of_values_that_are_not_positive_is_left_out() -> None:
    with pytest.raises(Undefined, match="not all above 0"):
        baselines.seasonal_growth(task([0, -1, 2, 3], 3, season=2))


def airline_rmse(forecast) -> float:
    dataset = load(airline_passengers(sequence_length=2, split=TUTORIAL))
    origins = dataset.starts("test") + 1
    found = forecast(dataset, Task(dataset.history.values, origins, np.zeros_like(origins), 1, dataset.season))
    actual = dataset.history.values[origins + 1][:, None]
    assert len(origins) == 46
    return round(metrics.rmse(actual, found), 2)


def test_the_linear_baseline_of_the_airline_series_is_the_known_one() -> None:
    assert airline_rmse(lambda dataset, task: linear.forecast(dataset, task.origins)) == 14.55


@pytest.mark.parametrize(
    ("name", "rmse"), [("persistence", 48.66), ("seasonal_naive", 42.32), ("seasonal_growth", 15.94)]
)
def test_the_simple_baselines_of_the_airline_series_are_the_known_ones(name: str, rmse: float) -> None:
    assert airline_rmse(lambda dataset, task: baselines.SIMPLE[name](task)) == rmse


def test_a_shifted_forecast_has_another_score() -> None:
    assert airline_rmse(lambda dataset, task: linear.forecast(dataset, task.origins) + 5) != 14.55


def test_the_linear_baseline_of_etth1_is_the_known_one(shared_data: Path) -> None:
    dataset = load(
        csv(
            path=str(shared_data / "ett" / "ETTh1.csv.gz"),
            time="date",
            target=["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT"],
            sequence_length=96,
            horizon=24,
            split={"train": 8640, "val": 2880, "test": 2880},
        )
    )
    origins = dataset.starts("test") + 95
    found = linear.forecast(dataset, origins)
    actual = dataset.history.values[origins[:, None] + np.arange(1, 25)]
    scale = dataset.history.values[:8640].std(axis=0)
    assert metrics.mse(actual / scale, found / scale) == pytest.approx(0.3086, abs=2e-4)
    assert metrics.mae(actual / scale, found / scale) == pytest.approx(0.3506, abs=2e-4)


def test_the_linear_baseline_uses_columns_known_ahead(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    known = rng.normal(size=200)
    rows = "\n".join(f"{3 * k + rng.normal() * 0.01:.6f},{k:.6f}" for k in known)
    (tmp_path / "known.csv").write_text(f"y,k\n{rows}\n")
    settings = {"path": "known.csv", "target": "y", "sequence_length": 3}
    errors = []
    for extra in ({}, {"known": ["k"]}):
        dataset = load(csv(**settings, **extra))
        origins = dataset.starts("test") + 2
        errors.append(metrics.rmse(dataset.history.values[origins + 1][:, None], linear.forecast(dataset, origins)))
    assert errors[1] < 0.05 < errors[0]


def origins_of(dataset: SeriesDataset, part: str) -> np.ndarray:
    return dataset.starts(part) + dataset.pipeline.plan.sequence_length - 1


def test_the_linear_baseline_sees_a_season_and_a_row_where_there_are_enough_rows() -> None:
    dataset = given.dataset(given.noise(80), sequence_length=3, season=7)
    assert set(linear.lags_of(dataset, origins_of(dataset, "test"))) == {8}
    assert set(
        linear.lags_of(given.dataset(given.noise(80), sequence_length=9, season=7), origins_of(dataset, "test"))
    ) == {9}


def test_the_linear_baseline_uses_the_lags_of_the_network_where_the_first_forecast_has_no_season_before_it() -> None:
    seasonal, plain = (
        given.dataset(given.noise(80), sequence_length=3, split="none", season=season) for season in (7, None)
    )
    origins = origins_of(seasonal, "train")
    assert set(linear.lags_of(seasonal, origins)) == {3}
    assert np.array_equal(linear.forecast(seasonal, origins), linear.forecast(plain, origins))
    assert set(linear.lags_of(seasonal, origins[origins >= 7])) == {8}


def test_the_linear_baseline_uses_the_lags_of_the_network_where_training_windows_have_no_season() -> None:
    dataset = load(sine(points=30, sequence_length=5, season=18))
    assert set(linear.lags_of(dataset, origins_of(dataset, "test"))) == {5}
    assert linear.forecast(dataset, origins_of(dataset, "test")).shape == (5, 1, 1)


def test_too_few_windows_leave_the_linear_baseline_out() -> None:
    dataset = given.dataset(given.noise(10), sequence_length=5, split={"train": 7, "val": 0, "test": 3})
    with pytest.raises(Undefined, match="there are only 2 training windows"):
        linear.forecast(dataset, origins_of(dataset, "test"))


def test_too_many_inputs_leave_the_linear_baseline_out(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = given.dataset(given.noise(60, 4), sequence_length=5, target="a", features=["b", "c"], known=["d"])
    assert linear.forecast(dataset, origins_of(dataset, "test")).shape == (9, 1, 1)
    monkeypatch.setattr(linear, "MOST_INPUTS", 16)  # 3 columns of 5 lags, 1 known row ahead, an intercept
    with pytest.raises(Undefined, match="a regression on 17 inputs takes too much memory; the most is 16"):
        linear.forecast(dataset, origins_of(dataset, "test"))


@pytest.mark.parametrize("roles", [{"target": ["a", "b", "c"]}, {"target": "a", "features": ["b"], "known": ["c"]}])
def test_chunks_and_blocks_do_not_change_the_linear_baseline(
    roles: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = given.dataset(given.noise(120, 3), sequence_length=6, horizon=2, **roles)
    whole = linear.forecast(dataset, origins_of(dataset, "test"))
    monkeypatch.setattr(normal_equations, "CHUNK_VALUES", 100)
    monkeypatch.setattr(normal_equations, "BLOCK", 4)
    assert np.allclose(linear.forecast(dataset, origins_of(dataset, "test")), whole, rtol=1e-10)
    assert not np.allclose(linear.forecast(dataset, origins_of(dataset, "test") - 1), whole)


def megabytes(dataset: SeriesDataset) -> float:
    """Measure the most memory that the linear baseline takes at a time."""
    tracemalloc.start()
    try:
        linear.forecast(dataset, origins_of(dataset, "test"))
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def test_the_memory_of_the_linear_baseline_does_not_grow_with_windows_times_lags_times_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = given.dataset(given.noise(10_000, 5), sequence_length=60, target="a", features=["b", "c", "d", "e"])
    all_windows = len(dataset.starts("train")) * 60 * 5 * 8 / 1e6
    monkeypatch.setattr(normal_equations, "CHUNK_VALUES", 100_000)
    assert megabytes(dataset) < all_windows / 3
    monkeypatch.setattr(normal_equations, "CHUNK_VALUES", 100_000_000)
    assert megabytes(dataset) > all_windows
