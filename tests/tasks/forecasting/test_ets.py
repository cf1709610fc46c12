"""ETS and Theta: the recursion against its formulas, no look ahead, and the published figures of the M4 competition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import given
import numpy as np
import pytest

import rnnexp as rx
from rnnexp.data.sources.m4 import m4
from rnnexp.evaluation import metrics
from rnnexp.evaluation.report import Undefined
from rnnexp.tasks import load
from rnnexp.tasks.forecasting import ets, global_linear, naive2, scales, smoothing, theta
from rnnexp.tasks.forecasting.linear import Past, make_past
from rnnexp.tasks.forecasting.short_series import forecasting_task

METHODS: dict[str, Any] = {"ets": ets.fit, "theta": theta.fit, "global_linear": global_linear.fit}


def seasonal(rows: int, seed: int = 0, level: float = 100, factors: bool = False) -> np.ndarray:
    row, noise = np.arange(rows), np.random.default_rng(seed).normal(size=rows)
    pattern = np.sin(2 * np.pi * row / 12)
    made = (level + 0.5 * row) * (1 + 0.2 * pattern) if factors else level + 0.5 * row + 20 * pattern
    return (made + noise)[:, None]


def origins_of(dataset: Any, part: str) -> np.ndarray:
    return np.asarray(dataset.starts(part) + dataset.pipeline.plan.sequence_length - 1)


def errors(dataset: Any, method: Any) -> np.ndarray:
    past = make_past(dataset, origins_of(dataset, "test"))
    rows = past.origins[:, None] + np.arange(1, dataset.pipeline.plan.ahead + 1)
    return np.asarray(
        method.predict(past, dataset.pipeline.plan) - dataset.table[rows, : dataset.pipeline.plan.targets]
    )


@pytest.mark.parametrize("name", ["ets", "theta"])
@pytest.mark.parametrize("factors", [False, True])
def test_a_season_with_a_trend_is_forecast_to_within_its_noise(name: str, factors: bool) -> None:
    dataset = given.dataset(seasonal(120, factors=factors), sequence_length=3, season=12, horizon=6)
    found = errors(dataset, METHODS[name](dataset))
    assert np.sqrt(np.mean(found**2)) < 7
    wrong = given.dataset(seasonal(120, factors=factors), sequence_length=3, season=5, horizon=6)
    assert np.sqrt(np.mean(errors(wrong, METHODS[name](wrong)) ** 2)) > 8


@pytest.mark.parametrize("name", METHODS)
def test_what_is_fitted_does_not_depend_on_rows_that_are_not_of_the_training_part(name: str) -> None:
    values = seasonal(90)
    split = {"train": 60, "val": 15, "test": 15}
    changed = values.copy()
    changed[60:] += 1000
    first, other, earlier = (
        METHODS[name](given.dataset(one, sequence_length=13, season=12, split=split))
        for one in (values, changed, changed[::-1])
    )
    assert repr(first) == repr(other)
    assert repr(first) != repr(earlier)


@pytest.mark.parametrize("name", METHODS)
def test_a_forecast_does_not_depend_on_rows_after_it_nor_on_the_order_in_which_it_is_asked_for(name: str) -> None:
    values = seasonal(120, factors=True)
    dataset = given.dataset(values, sequence_length=13, season=12)
    method, plan, origins = METHODS[name](dataset), dataset.pipeline.plan, origins_of(dataset, "test")
    made = method.predict(make_past(dataset, origins), plan)
    mixed = np.random.default_rng(0).permutation(len(origins))
    assert np.array_equal(method.predict(make_past(dataset, origins[mixed]), plan), made[mixed])
    past = make_past(dataset, origins)
    later = past.table.copy()
    later[origins[0] + 1 :] = 1e4
    changed = method.predict(Past(later, past.offsets, past.ids, origins, past.trained), plan)
    assert np.array_equal(changed[0], made[0])
    assert not np.array_equal(changed[1], made[1])


@pytest.mark.parametrize("name", ["ets", "theta"])
def test_rows_that_training_has_not_seen_are_forecast_from_those_before_alone(name: str) -> None:
    dataset = given.dataset(seasonal(120), sequence_length=3, season=12)
    method, plan = METHODS[name](dataset), dataset.pipeline.plan
    rows = seasonal(100, seed=5, level=500)
    asked = Past(rows, np.array([0, 100]), ["new"], np.array([60, 80]))
    made = method.predict(asked, plan)
    assert np.abs(made[:, 0, 0] - rows[[61, 81], 0]).max() < 6
    later = rows.copy()
    later[61:] = 0
    assert np.array_equal(method.predict(Past(later, asked.offsets, ["new"], asked.origins), plan)[0], made[0])


def test_the_recursion_is_that_of_the_formulas() -> None:
    values = seasonal(60, factors=True)
    alpha, beta, gamma, phi = 0.4, 0.1, 0.2, 0.9
    shares = np.array([alpha, beta / alpha, gamma / (1 - alpha), (phi - 0.8) / 0.18])
    kinds = {"trend": np.array([[2]]), "odds": np.log(shares / (1 - shares))[:, None, None]}
    for season in (smoothing.NO_SEASON, smoothing.ADDED, smoothing.FACTORS):
        states = smoothing.Filter(smoothing.Parameters(season=np.array([[season]]), **kinds), values, 12)
        level, slope = float(states.level[0, 0]), float(states.slope[0, 0])
        added, factors = states.added[:, 0].ravel().tolist(), states.factors[:, 0].ravel().tolist()
        for row, actual in enumerate(values[:, 0]):
            place, trend = row % 12, level + phi * slope
            error = actual - (trend * factors[place] + added[place])
            assert states.expect().item() == pytest.approx(actual - error, rel=1e-12)
            states.update(np.array([[error]]))
            level, slope = trend + alpha * error / factors[place], phi * slope + beta * error / factors[place]
            added[place] += gamma * error * (season == smoothing.ADDED)
            factors[place] += gamma * error / trend * (season == smoothing.FACTORS)
        ahead = level + (phi + phi**2) * slope
        assert states.forecast(2, np.array([0]))[1, 0] == pytest.approx(ahead * factors[1] + added[1], rel=1e-12)


def test_forecasts_with_too_few_rows_before_them_repeat_the_last_value_and_are_counted() -> None:
    dataset = given.dataset(given.noise(60), sequence_length=3, split="none")
    past = make_past(dataset, origins_of(dataset, "train"))
    method = ets.fit(dataset)
    early = method.stands_in(past)
    assert early.sum() == 7
    assert np.array_equal(method.predict(past, dataset.pipeline.plan)[early, 0], dataset.table[past.origins[early]])
    with pytest.raises(Undefined, match="no series has the 10 training rows that it takes"):
        ets.fit(given.dataset(given.noise(9), sequence_length=2, split="none"))


@pytest.mark.parametrize("name", ["ets", "theta"])
def test_too_many_values_are_left_out_with_the_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ets, "MAX_VALUES", 50)
    with pytest.raises(Undefined, match="fitted to 84 values, series by series; the most is 50"):
        METHODS[name](given.dataset(seasonal(120), sequence_length=3))


def test_a_season_of_factors_is_not_followed_through_values_that_are_not_above_0() -> None:
    values = seasonal(120, factors=True)
    values[100] = -50
    dataset = given.dataset(values, sequence_length=3, season=12)
    method = ets.fit(dataset)
    assert method.forms[0, 0, 1] == smoothing.FACTORS
    past = make_past(dataset, np.arange(96, 119))
    made = method.predict(past, dataset.pipeline.plan)[:, 0, 0]
    repeats = made == dataset.table[past.origins, 0]
    assert repeats.tolist() == [False] * 4 + [True] * 19


# What statsmodels 0.15 says of the 12 months after the training part of airline_lstm: ThetaModel, method "mul".
THETA = [345.65, 389.37, 428.91, 425.2, 378.3, 329.76, 287.49, 327.2, 330.31, 328.53, 376.76, 361.15]


def test_theta_agrees_with_statsmodels() -> None:
    dataset = load(rx.compose("experiment=airline_lstm", "data.horizon=12").data)
    plan, history = dataset.pipeline.plan, dataset.history
    past = Past(dataset.table, history.offsets, history.ids, np.array([99]), np.array([[0, 100]]))
    method = theta.ThetaForecast(list(history.ids), 12, np.full((2, 1), 0.886423), np.ones((2, 1)))
    assert method.predict(past, plan).ravel() == pytest.approx(THETA, rel=2e-3)
    assert theta.fit(dataset).predict(past, plan).ravel() == pytest.approx(THETA, rel=1e-2)
    method = theta.ThetaForecast(list(history.ids), 12, np.full((2, 1), 0.1), np.ones((2, 1)))
    assert method.predict(past, plan).ravel() != pytest.approx(THETA, rel=1e-2)


# sMAPE and MASE of "Evaluation and Ranks.xlsx" of https://github.com/Mcompetitions/M4-methods, and how near we are.
M4 = {
    ("theta", "Weekly"): (9.093, 2.637, 0.01),
    ("theta", "Hourly"): (18.138, 2.455, 0.001),
    ("SES", "Weekly"): (9.012, 2.685, 0.035),
    ("damped", "Weekly"): (8.866, 2.404, 0.025),
}
FORMS = {"SES": ((0, smoothing.NO_SEASON),), "damped": ((2, smoothing.NO_SEASON),)}


def score_m4(folder: Path, group: str, fit: Any) -> dict[str, float]:
    """Return sMAPE, MASE and OWA of a baseline."""
    dataset = load(m4(root=str(folder), group=group, sequence_length=52))
    like = dataset.restore("test", np.zeros((len(dataset.starts("test")), dataset.pipeline.plan.ahead, 1)))
    units = metrics.Units(scales.mase_scale(dataset, like), None, scales.series_of(dataset, like))
    past = make_past(dataset, np.asarray(like.origins))
    task = forecasting_task(dataset, past.origins, dataset.pipeline.plan.ahead)
    made = (fit(dataset).predict(past, dataset.pipeline.plan), naive2.naive2(task))
    scores = [metrics.scores(like.actual, one, units, None)[0] for one in made]
    own, naive = ({name: one[name] for name in ("smape", "mase")} for one in scores)
    return own | {"owa": naive2.owa(own, naive) or 0.0}


@pytest.mark.parametrize("season", [ets.MAX_ROWS + 1, 10**9])
@pytest.mark.parametrize("name", ["ets", "theta"])
def test_a_season_longer_than_any_series_is_told_and_no_fault(name: str, season: int) -> None:
    with pytest.raises(Undefined, match=f"a season of {season:,} rows is too long; the most is 100,000"):
        METHODS[name](given.dataset(seasonal(60), sequence_length=3, season=season))
    assert METHODS[name](given.dataset(seasonal(60), sequence_length=3, season=40))


@pytest.mark.parametrize(("name", "group"), M4)
def test_the_published_figures_of_m4_are_met(
    shared_data: Path, name: str, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    smape, mase, most = M4[name, group]
    monkeypatch.setattr(smoothing, "FORMS", FORMS.get(name, smoothing.FORMS))
    found = score_m4(shared_data, group, METHODS.get(name, ets.fit))
    assert (found["smape"], found["mase"]) == (pytest.approx(smape, abs=most), pytest.approx(mase, abs=most))


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("name", "group", "owa"),
    [("ets", "Weekly", 0.910), ("ets", "Hourly", 0.825), ("global_linear", "Weekly", 0.764)],
)
def test_strong_baselines_have_the_figures_of_m4_that_are_stated(
    shared_data: Path, name: str, group: str, owa: float
) -> None:
    assert score_m4(shared_data, group, METHODS[name])["owa"] == pytest.approx(owa, abs=0.005)


def test_one_linear_model_speaks_for_series_of_any_size() -> None:
    waves = [scale * np.sin(np.arange(80)[:, None] * 0.7 + scale) + 10 * scale for scale in (1.0, 50.0)]
    dataset = given.dataset(*waves, sequence_length=6, season=None)
    method = global_linear.fit(dataset)
    assert np.abs(errors(dataset, method)).max() < 0.05
    rows = (1e4 * np.sin(np.arange(30) * 0.7) - 5e5)[:, None]
    asked = Past(rows, np.array([0, 30]), ["new"], np.array([20]))
    assert method.predict(asked, dataset.pipeline.plan).item() == pytest.approx(rows[21, 0], rel=1e-4)


def test_windows_that_are_nearly_constant_do_not_decide_what_one_linear_model_learns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    still = np.where(np.arange(80) % 20 == 19, 1e6, 0.0)[:, None] + 1e-3 * rng.normal(size=(80, 1))
    wave = np.sin(np.arange(80)[:, None] * 0.7)
    both = given.dataset(wave, still, sequence_length=6, season=None)
    found = errors(both, global_linear.fit(both))
    assert np.abs(found[: len(found) // 2]).max() < 0.5
    monkeypatch.setattr(global_linear, "FURTHEST", np.inf)
    found = errors(both, global_linear.fit(both))
    assert np.abs(found[: len(found) // 2]).max() > 2
