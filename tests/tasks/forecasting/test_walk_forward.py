"""Walk-forward with refits: what is known later changes no forecast, of whatever it is made and fitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rnnexp as rx
from rnnexp.data.sources.csv import csv
from rnnexp.deploy.trained import refuse_walk
from rnnexp.errors import ConfigError, DataError
from rnnexp.runner import Result, refits
from rnnexp.runtime import interrupts
from rnnexp.tasks import check_leakage, load
from rnnexp.tasks.forecasting import kept_forecasts
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.walk_forward import list_refits

ROWS, TESTED = 60, 17
SPLIT = {"train": 31, "val": 12, "test": TESTED}
QUICK = ("model=simple_rnn", "model.units=[3]", "trainer.epochs=2", "tracking.figures=false")
SPLITS = ("data.split.train=31", "data.split.val=12", f"data.split.test={TESTED}")


def write_table(file: str = "t.csv", series: int = 1, dates: bool = True, holes: bool = False) -> pd.DataFrame:
    """Write series with a season of 7, a feature, a column known ahead, weights, and empty cells if asked for."""
    dice, frames = np.random.default_rng(3), []
    for name in "abc"[:series]:
        row = np.arange(ROWS)
        y = 20 + 0.1 * row + 3 * np.sin(2 * np.pi * row / 7) + dice.normal(0, 0.4, ROWS)
        frame = pd.DataFrame({"id": name, "day": pd.date_range("2024-01-01", periods=ROWS), "y": y})
        frame["z"], frame["x"] = y[::-1] + 5, dice.normal(size=ROWS)
        frame["k"], frame["w"] = row % 3, 1.0 + row % 2
        frames.append(frame)
    table = pd.concat(frames, ignore_index=True)
    if holes:
        table.loc[[9, 30, 45, 46, 52], "y"] = np.nan
    table = table if dates else table.drop(columns="day")
    table.to_csv(file, index=False)
    return table


def change(table: pd.DataFrame, row: int, columns: Any = ("y", "z", "x")) -> None:
    """Write the table with other values from a row of each series on."""
    other = table.copy()
    late = other.groupby("id").cumcount() >= row
    noise = np.random.default_rng(row).uniform(10, 60, (late.sum(), len(columns)))  # no scaler takes it away
    other.loc[late, list(columns)] = other.loc[late, list(columns)] * 3 + noise
    other.to_csv("t.csv", index=False)


COMMON: dict[str, Any] = {"path": "t.csv", "time": "day", "target": "y", "sequence_length": 5, "split": SPLIT}
MEMBERS: dict[str, dict[str, Any]] = {
    "one column": {},
    "a season that values tell": {"time": None},
    "many steps": {"horizon": 3},
    "every other window": {"stride": 2, "horizon": 2},
    "fed back": {"horizon": 3, "strategy": "recursive"},
    "whole sequences": {"layout": "sequence"},
    "a feature": {"features": ["x"]},
    "two targets": {"target": ["y", "z"], "scaler": "minmax"},
    "a column known ahead": {"known": ["k"], "calendar": ["dayofweek"], "horizon": 2},
    "scaled by windows": {"scaler": "instance"},
    "scaled by the last value": {"scaler": ["robust", "last"]},
    "differences": {"scaler": ["log", "difference", "standard"]},
    "seasonal differences": {"scaler": ["seasonal_difference", "standard"]},
    "range": {"scaler": "range"},
    "weights": {"weight": "w"},
    "three series": {"series": "id"},
    "three series, each scaled": {"series": "id", "per_series": True, "features": ["x"]},
    "columns as series": {"target": ["y", "z"], "columns_as_series": True},
    "filled cells": {"missing": "ffill"},
}


def source_of(name: str) -> csv:
    member = COMMON | MEMBERS[name]
    return csv(**member)


def write_for(name: str) -> pd.DataFrame:
    return write_table(series=3 if "series" in MEMBERS[name] else 1, holes=name == "filled cells")


def look(every: int, name: str) -> tuple[SeriesDataset, list[SeriesDataset]]:
    data: Any = load(source_of(name))
    assert check_leakage(data) == []
    refits = [refit() for refit in list_refits(data, every)]
    for one in refits:
        assert check_leakage(one) == []
    return data, refits


def origins_of(data: SeriesDataset, part: str = "test") -> np.ndarray:
    return data.starts(part) + data.pipeline.plan.sequence_length - 1


def seen(data: SeriesDataset, part: str, up_to: np.ndarray) -> list[bytes]:
    """Return all that a network is fed for the windows from origins up to these rows of each series, and what they ask
    of training."""
    origins = origins_of(data, part)
    kept = origins <= up_to[data.history.series_of(origins)]
    own = data.parts[part]
    if data.pipeline.plan.layout == "sequence":
        x, y, weight = data.batch(own.arrays, own.indices)
        steps = np.asarray(own.arrays["weight"][own.indices] > 0)
        return [np.asarray(x)[steps][kept].tobytes()]
    x, y, weight = data.batch(own.arrays, own.indices[kept])
    fed = list(x.values()) if isinstance(x, dict) else [x]
    learned = [y] + ([] if weight is None else [weight]) if part != "test" else []
    return [np.asarray(one).tobytes() for one in (*fed, *learned)]


def baselines_of(data: SeriesDataset, up_to: np.ndarray) -> dict[str, bytes]:
    from rnnexp.evaluation.report import Undefined
    from rnnexp.tasks.forecasting.linear import make_past

    origins = origins_of(data)
    kept = origins <= up_to[data.history.series_of(origins)]
    found = {}
    for name, fit in kept_forecasts.list_methods(data, origins).items():
        try:
            found[name] = fit().predict(make_past(data, origins), data.pipeline.plan)[kept].tobytes()
        except Undefined as reason:
            found[name] = str(reason).encode()
    return found


@pytest.mark.parametrize("name", MEMBERS)
def test_a_later_row_changes_nothing_that_is_fitted_or_fed_before(name: str) -> None:
    table = write_for(name)
    _, before = look(5, name)
    tested = ROWS - TESTED
    for at in (tested, tested + 3, ROWS - 1):
        change(table, at)
        _, after = look(5, name)
        assert len(after) == len(before) > 2
        last = after[0].history.offsets[:-1] + at - 1  # the last row of each series that is as it was
        for one, other in zip(before, after):
            if (one.reading.known[:, 1] - 1 > last).any():
                continue
            assert one.scaling == other.scaling
            assert one.season == other.season
            for part in ("train", "val"):
                assert seen(one, part, last + ROWS) == seen(other, part, last + ROWS)
            assert seen(one, "test", last) == seen(other, "test", last)
            assert baselines_of(one, last) == baselines_of(other, last)
    change(table, 0)
    _, after = look(5, name)
    for one, other in zip(before, after):
        assert seen(one, "test", last) != seen(other, "test", last)
        assert baselines_of(one, last) != baselines_of(other, last)


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("every", [4, 100])
def test_all_refits_together_forecast_the_test_part_once(every: int, name: str) -> None:
    write_for(name)
    data, refits = look(every, name)
    found = [origin for one in refits for origin in origins_of(one)]
    assert sorted(found) == origins_of(data).tolist()
    for one in refits:
        known = one.reading.known[one.history.series_of(origins_of(one)), 1]
        assert (origins_of(one) >= known - 1).all(), "it knows no row after that from which it forecasts"
        assert (origins_of(one) < known - 1 + every).all()
        sizes = {part: np.diff(one.borders[part], axis=1) for part in ("train", "val")}
        assert (sizes["val"] == np.diff(data.borders["val"], axis=1)).all()
        assert (one.borders["val"][:, 1] == one.reading.known[:, 1]).all()
    assert len({one.summary.digest for one in refits} | {data.summary.digest}) == len(refits) + 1


def trained(*words: str, every: int = 6) -> Result:
    given = ("data=csv", "data.path=t.csv", "data.time=day", "data.target=y", "data.sequence_length=5", *SPLITS)
    return rx.run(rx.compose(*given, *QUICK, f"trainer.refit_every={every}", *words), quiet=True)


def forecasts(result: Result) -> dict[str, np.ndarray]:
    own = result.predictions
    found = {"network": own.predicted, **{name: one.predicted for name, one in result.report.baselines.items()}}
    return found | ({} if own.bounds is None else {"low": own.bounds[0], "high": own.bounds[1]})


@pytest.mark.parametrize(
    "words",
    [
        ("data.horizon=2",),
        pytest.param(
            (
                "data.series=id",
                "data.per_series=true",
                "data.split={train: '2024-01-31', val: '2024-02-12', test: null}",
            ),
            marks=pytest.mark.end_to_end,
        ),
        pytest.param(("data.features=[x]", "data.scaler=last", "data.missing=ffill"), marks=pytest.mark.end_to_end),
        pytest.param(("data.target=[y,z]", "trainer.engine=keras"), marks=pytest.mark.end_to_end),
    ],
    ids=["steps", "series", "filled", "targets"],
)
def test_row_t_plus_1_changes_no_forecast_up_to_t_and_row_t_changes_the_next(words: tuple[str, ...]) -> None:
    table = write_table(series=3 if "data.series=id" in words else 1, holes="data.missing=ffill" in words)
    before = trained(*words, "tracking=off")
    row = ROWS - TESTED + 8  # within what the second training forecasts
    change(table, row)
    after = trained(*words, "tracking=off")
    origins, data = np.asarray(before.predictions.origins), before.dataset
    place = origins - data.history.offsets[data.history.series_of(origins)]
    early, late = place < row, place >= row
    assert early.any()
    assert forecasts(before).keys() == forecasts(after).keys() >= {"network", "linear", "persistence"}
    for name, values in forecasts(before).items():
        other = forecasts(after)[name]
        assert values[early].tobytes() == other[early].tobytes(), name
        changed = (values[late] != other[late]).any(axis=(1, 2))
        assert changed.all() if name in ("network", "linear") else changed.any(), name
    assert before.report.tables["refits"]["score"][0] == after.report.tables["refits"]["score"][0]


@pytest.mark.end_to_end
def test_the_whole_test_part_is_scored_beside_baselines_that_were_fitted_again() -> None:
    write_table()
    result = trained()
    once = trained("trainer.refit_every=null", "tracking=off")
    table = result.report.tables["refits"]
    assert table["known_to"].tolist() == ["2024-02-12", "2024-02-18", "2024-02-24"]
    assert table["rows"].tolist() == [43, 49, 55]
    assert table["forecasts"].tolist() == [6, 6, 5]
    own = result.predictions
    assert own.origins.tolist() == once.predictions.origins.tolist()
    assert own.actual.tobytes() == once.predictions.actual.tobytes()
    assert result.metrics["test/rmse"] == pytest.approx(np.sqrt(np.mean((own.actual - own.predicted) ** 2)))
    low, high = own.bounds
    assert result.metrics["test/coverage_90"] == np.mean((low <= own.actual) & (own.actual <= high))
    linear = result.report.baselines["linear"].predicted
    np.testing.assert_allclose(linear[:6], once.report.baselines["linear"].predicted[:6], rtol=1e-12)
    assert (linear[6:] != once.report.baselines["linear"].predicted[6:]).all()
    assert own.predicted[:6].tobytes() == once.predictions.predicted[:6].tobytes(), (
        "the first training is the usual one"
    )
    assert (own.predicted[6:] != once.predictions.predicted[6:]).all()
    rows = own.to_frame()
    assert rows["day"].tolist() == list(pd.date_range("2024-02-13", periods=TESTED))
    assert "the model that is kept is the last one, which was trained on the data up to 2024-02-24" in str(
        result.report.notes
    )


def test_a_refit_is_what_a_training_on_the_rows_up_to_it_gives() -> None:
    write_table()
    walked = trained("tracking=off").predictions.predicted
    alone = trained(
        "trainer.refit_every=null", "data.split.train=37", "data.split.test=11", "tracking=off"
    ).predictions.predicted
    assert walked[6:12].tobytes() == alone[:6].tobytes()


def test_the_model_that_is_kept_is_the_last_and_is_scored_on_what_it_has_not_seen() -> None:
    write_table()
    result = trained()
    model = rx.load(result.run_dir)
    again = model.evaluate()
    np.testing.assert_allclose(again.predictions.predicted, result.predictions.predicted[12:], rtol=1e-5)
    assert "last refit" in str(again.notes)
    asked = model.predict()
    assert asked["day"].iloc[0] == pd.Timestamp("2024-03-01")
    np.testing.assert_allclose(asked["y"], result.forecast[0, :, 0], rtol=1e-5)
    for name in ("linear", "persistence"):
        assert np.isfinite(model.predict(model=name)["y"]).all()
    frame = pd.read_csv("t.csv")
    other = model.evaluate(frame)
    assert "50 of the 55 scored rows are among those that the run was trained on" in str(other.notes)


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt("power")


@pytest.mark.end_to_end
def test_a_run_that_is_ended_on_its_walk_goes_on_to_the_same_forecasts(monkeypatch: pytest.MonkeyPatch) -> None:
    write_table()
    asking, score = list[bool](), refits.evaluate

    def noted(*given: Any, **settings: Any) -> Any:
        asking.append(interrupts.ending.is_asked)
        return score(*given, **settings)

    with monkeypatch.context() as patched:
        patched.setattr(refits, "evaluate", noted)
        expected = trained("tracking=off", "name=whole")
    assert asking == [False] * 3, "a signal breaks into the scoring of each refit"
    with monkeypatch.context() as patched:
        patched.setattr(refits, "build_model", interrupt)
        with pytest.raises(KeyboardInterrupt, match="power"):
            trained("tracking=off", "name=ended")
    (folder,) = Path("runs/ended").iterdir()
    result = trained("tracking=off", "name=ended")
    assert result.run_dir == folder.resolve()
    assert forecasts(result).keys() == forecasts(expected).keys()
    for name, values in forecasts(expected).items():
        assert values.tobytes() == forecasts(result)[name].tobytes()


@pytest.mark.end_to_end
def test_a_network_of_quantiles_and_weights_of_rows_walk_as_well() -> None:
    write_table()
    result = trained("loss=quantile", "loss.quantiles=[0.1,0.5,0.9]", "data.weight=w", "tracking=off", every=9)
    own = result.predictions
    assert own.quantiles.shape == (TESTED, 1, 1, 3)
    weight = own.weight.reshape(-1)
    assert (weight[1] / weight[0], weight[2] / weight[0]) == pytest.approx((0.5, 1.0))
    errors = np.abs(own.actual - own.predicted)[:, 0, 0]
    assert result.metrics["test/mae"] == pytest.approx(np.average(errors, weights=weight))
    assert "baseline/linear/pinball" in result.metrics


def test_scores_are_not_mended_afterwards_by_a_model_that_has_seen_the_rows() -> None:
    write_table()
    model = rx.load(trained().run_dir)
    with pytest.raises(ConfigError, match="walked forward .*the last is kept; another figure needs a new run"):
        refuse_walk(model.found, "another figure")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("data.split=none",), "trainer.refit_every: walks through the test set, and data.split is none"),
        (("data.folds=3",), "trainer.refit_every: data.folds fits again for each fold; leave one of the two out"),
        (("data.missing=interpolate",), "data.missing: interpolate fills a row from a later row"),
        (("data.gaps=interpolate",), "data.gaps: interpolate fills a row from a later row"),
        (("trainer.refit_every=0",), "trainer.refit_every: 0 given; must be greater than or equal to 1"),
    ],
)
def test_what_cannot_be_walked_through_is_refused_before_anything_is_read(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        trained(*words)
    assert said in str(refused.value)


@pytest.mark.parametrize("data", ["data=adding", "data=corpus data.path=a.txt", "data=ts data.path=a.ts"])
def test_other_tasks_have_no_order_of_time(data: str) -> None:
    with pytest.raises(ConfigError, match="trainer.refit_every: given, but the examples of this task are in no order"):
        rx.compose(*data.split(), "trainer.refit_every=3")


def test_series_that_are_tested_while_another_is_learned_from_are_refused() -> None:
    table = write_table(series=2)
    table = table[(table["id"] == "a") | (table["day"] >= "2024-01-20")]
    table.to_csv("t.csv", index=False)
    fields = {**COMMON, "series": "id", "split": {"train": 0.6, "val": 0.2, "test": 0.2}}
    data: Any = load(csv(**fields))
    with pytest.raises(
        DataError, match="series `a` is tested from 2024-02-18 on, and `b` is learned from up to 2024-02-"
    ):
        list_refits(data, 3)
    dated: Any = load(csv(**{**fields, "split": {"train": "2024-02-05", "val": "2024-02-15", "test": None}}))
    for refit in list_refits(dated, 3):
        one = refit()
        last = one.history.time[one.reading.known[:, 1] - 1]
        assert (last < one.history.time[origins_of(one) + 1].min()).all()


def test_a_walk_is_never_part_of_a_group() -> None:
    from rnnexp.runner.program_key import make_program_key

    alone = rx.compose("trainer.refit_every=5")
    assert make_program_key(alone) is None
    assert make_program_key(replace(alone, trainer=replace(alone.trainer, refit_every=None))) is not None
