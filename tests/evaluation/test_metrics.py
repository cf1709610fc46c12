"""Metric code against hand-made numbers and the published figures of the M4 competition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

from rnnexp.evaluation import metrics

ACTUAL = np.array([1.0, 2.0, 4.0]).reshape(3, 1, 1)
PREDICTED = np.array([2.0, 2.0, 2.0]).reshape(3, 1, 1)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.mse, 5 / 3),
        (metrics.rmse, (5 / 3) ** 0.5),
        (metrics.mae, 1.0),
        (metrics.mape, 100 * (1 + 0 + 0.5) / 3),
        (metrics.smape, 200 * (1 / 3 + 0 + 2 / 6) / 3),
        (metrics.r2, 1 - 5 / (14 / 3)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_metric_is_what_its_formula_says(metric, expected: float) -> None:
    assert metric(ACTUAL, PREDICTED) == pytest.approx(expected)
    assert metric(ACTUAL, PREDICTED + 0.1) != pytest.approx(expected)


def test_a_perfect_forecast_has_no_error() -> None:
    found, _ = metrics.scores(ACTUAL, ACTUAL)
    assert {name: found[name] for name in ("rmse", "mae", "smape", "mape")} == dict.fromkeys(
        ("rmse", "mae", "smape", "mape"), 0.0
    )


def test_mape_is_left_out_with_a_reason_where_values_are_zero() -> None:
    found, undefined = metrics.scores(ACTUAL - 1, PREDICTED)
    assert "mape" not in found
    assert undefined["mape"] == "1 actual values are 0"


def test_r2_is_left_out_where_nothing_varies() -> None:
    found, undefined = metrics.scores(np.ones((3, 1, 1)), PREDICTED)
    assert "r2" not in found
    assert undefined["r2"] == "the actual values do not vary"


def test_mase_is_left_out_for_a_constant_training_part() -> None:
    _, undefined = metrics.scores(ACTUAL, PREDICTED, scale=np.zeros((3, 1, 1)))
    assert "do not vary" in undefined["mase"]


def test_mase_of_the_naive_forecast_on_its_own_rows_is_one() -> None:
    values = np.array([[1.0], [3.0], [2.0], [5.0]])
    scale = metrics.naive_scale(values, season=1)
    naive, actual = values[:-1, None], values[1:, None]
    assert metrics.mase(actual, naive, scale) == pytest.approx(1.0)
    assert metrics.mase(actual, naive + 1, scale) != pytest.approx(1.0)


def test_mase_is_averaged_within_each_series_first() -> None:
    actual, predicted = np.zeros((3, 1, 1)), np.array([1.0, 3.0, 6.0]).reshape(3, 1, 1)
    assert metrics.mase(actual, predicted, np.ones((3, 1, 1)), np.array([0, 0, 1])) == (2.0 + 6.0) / 2
    assert metrics.mase(actual, predicted, np.ones((3, 1, 1))) == 10.0 / 3


def test_mase_leaves_out_a_constant_series_and_keeps_the_others() -> None:
    actual, predicted = np.zeros((3, 1, 1)), np.array([1.0, 3.0, 6.0]).reshape(3, 1, 1)
    scale, series = np.array([1.0, 1.0, 0.0]).reshape(3, 1, 1), np.array([0, 0, 1])
    found, undefined = metrics.scores(actual, predicted, scale, series)
    assert found["mase"] == (1.0 + 3.0) / 2
    assert "mase" not in undefined
    assert metrics.scores(actual, predicted, np.ones((3, 1, 1)), series)[0]["mase"] == 4.0


def test_mase_leaves_out_a_constant_target_within_a_series() -> None:
    actual, predicted = np.zeros((1, 1, 3)), np.array([[[1.0, 3.0, 5.0]]])
    assert metrics.mase(actual, predicted, np.array([[[1.0, 1.0, np.nan]]])) == 2.0
    assert metrics.mase(actual, predicted, np.ones((1, 1, 3))) == 3.0


def m4(folder: Path, name: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read (training, test) values of each M4 series."""
    train = pandas.read_csv(folder / "m4" / f"{name}-train.csv.gz", index_col=0)
    test = pandas.read_csv(folder / "m4" / f"{name}-test.csv", index_col=0)
    return [(a[~np.isnan(a)], b) for a, b in zip(train.to_numpy(float), test.to_numpy(float))]


def published(folder: Path, name: str, forecast_season: int, mase_season: int) -> tuple[float, float]:
    """Score the seasonal naive forecast as the organisers did: sMAPE and MASE per series, then averaged."""
    smape, mase = [], []
    for train, test in m4(folder, name):
        tiled = np.resize(train[-forecast_season:], len(test))
        scale = metrics.naive_scale(train[:, None], mase_season)
        shape = (1, len(test), 1)
        smape.append(metrics.smape(test.reshape(shape), tiled.reshape(shape)))
        mase.append(metrics.mase(test.reshape(shape), tiled.reshape(shape), scale))
    return float(np.mean(smape)), float(np.mean(mase))


@pytest.mark.parametrize(
    ("name", "forecast_season", "mase_season", "smape", "mase"),
    [("Hourly", 24, 24, "13.912", "1.193"), ("Weekly", 1, 1, "9.161", "2.777"), ("Hourly", 1, 24, "43.003", None)],
    ids=["seasonal naive on Hourly", "naive on Weekly", "naive on Hourly"],
)
def test_m4_figures_come_out_to_every_printed_digit(
    shared_data: Path, name: str, forecast_season: int, mase_season: int, smape: str, mase: str | None
) -> None:
    found = published(shared_data, name, forecast_season, mase_season)
    assert f"{found[0]:.3f}" == smape
    assert mase is None or f"{found[1]:.3f}" == mase


def test_another_season_gives_other_figures(shared_data: Path) -> None:
    assert f"{published(shared_data, 'Hourly', 23, 24)[0]:.3f}" != "13.912"
