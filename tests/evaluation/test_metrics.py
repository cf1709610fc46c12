"""Metric code against hand-made numbers and the published figures of the M4 competition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

from rnnexp.evaluation import metrics
from rnnexp.evaluation.metrics import Units

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


def measured(level: float, scale: float) -> tuple[dict[str, float], metrics.Undefined]:
    """Score the same forecasts of two targets at another level and scale, in units of rows at that level, too."""
    generator = np.random.default_rng(0)
    rows, actual, error = (generator.normal(size=shape) for shape in ((60, 2), (40, 3, 2), (40, 3, 2)))
    insample, true, predicted = (level + scale * values for values in (rows, actual, actual + 0.1 * error))
    units = Units(metrics.naive_scale(insample, 1)[None, None], metrics.deviation(insample)[None, None])
    return metrics.scores(true, predicted, units)


UNCHANGED, IN_UNITS = ("r2", "mase", "nrmse"), ("rmse", "mae")
LEVELS, SCALES = (0.0, 1e6, -1e9, 1e9), (1e-200, 1e-9, 1e-3, 1.0, 1e9, 1e200)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("level", LEVELS)
def test_a_metric_is_the_same_at_every_level_and_scale_or_says_why_it_is_left_out(level: float, scale: float) -> None:
    plain, _ = measured(0.0, 1.0)
    found, undefined = measured(level, scale)
    digits = np.finfo(float).eps * max(1.0, abs(level) / scale)  # that are left of a change at such a level
    close = {"rel": 200 * digits, "abs": 1e-12}
    assert set(plain) == set(found) | set(undefined)
    assert all(np.isfinite(list(found.values())))
    if digits > 1e-3:  # nothing is left of these changes: numbers of this level do not hold them
        return
    assert {name: found[name] for name in UNCHANGED} == pytest.approx({n: plain[n] for n in UNCHANGED}, **close)
    assert {n: found[n] / scale for n in IN_UNITS} == pytest.approx({n: plain[n] for n in IN_UNITS}, **close)
    assert ("mse" in undefined) == (scale in (1e-200, 1e200))
    assert "mse" in undefined or found["mse"] / scale**2 == pytest.approx(plain["mse"], **close)


def test_what_is_beyond_all_numbers_is_left_out_with_a_reason() -> None:
    small = np.full((3, 1, 1), 5e-324)
    found, undefined = metrics.scores(small, small + 1e10)
    assert undefined["mape"] == "it is too large or too small for a number"
    assert "mape" not in found
    assert metrics.scores(ACTUAL, PREDICTED)[1] == {}


@pytest.mark.parametrize("factor", [1.0, 1e-6, 1e6])
def test_nrmse_weighs_targets_of_any_size_alike(factor: float) -> None:
    actual, error = np.zeros((4, 1, 2)), np.array([1.0, factor])
    spread = np.array([[[2.0, 4 * factor]]])
    assert metrics.nrmse(actual, actual + error, spread) == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert metrics.nrmse(actual, actual + error, np.array([[[2.0, 0.0]]])) == 1 / 2
    assert metrics.rmse(actual, actual + error) != pytest.approx((1 / 2 + 1 / 4) / 2)


@pytest.mark.fault("G13")
def test_mase_is_left_out_for_a_constant_training_part() -> None:
    _, undefined = metrics.scores(ACTUAL, PREDICTED, Units(np.zeros((3, 1, 1))))
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
    found, undefined = metrics.scores(actual, predicted, Units(scale, series=series))
    assert found["mase"] == (1.0 + 3.0) / 2
    assert "mase" not in undefined
    assert metrics.scores(actual, predicted, Units(np.ones((3, 1, 1)), series=series))[0]["mase"] == 4.0


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
    """Score the seasonal naive forecast as the organizers did: sMAPE and MASE per series, then averaged."""
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
