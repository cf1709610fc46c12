"""A trained run is scored again: on its own data with the numbers that were logged, on others without any fitting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny_runs import TINY, Done, Rows, Say, long, sales

import rnnexp as rx
from rnnexp.deploy.score import Scored, score
from rnnexp.deploy.trained import Asked, trained
from rnnexp.tasks.forecasting.intervals import read

GERMAN: dict[str, Any] = {"sep": ";", "decimal": ",", "index": False}


def about(said: Say, done: Done, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(done, "evaluate", *words, "--json"))
    return found


def scored(done: Done, **changes: Any) -> Scored:
    return score(trained(Asked(done.run_id, "evaluate", done.uri), Path()), changes)


@pytest.mark.parametrize("which", ["shop", "chain"])
def test_its_own_test_part_gives_the_numbers_that_were_logged(
    which: str, said: Say, request: pytest.FixtureRequest
) -> None:
    done: Done = request.getfixturevalue(which)
    logged = done.result.metrics
    for words in ((), ("--part", "test")):
        found = about(said, done, done.run_id, *words)
        assert found["metrics"] == pytest.approx({key: logged[key] for key in found["metrics"]}, rel=1e-6)
        assert {"test/rmse", "test/coverage_90", "baseline/linear/mase", "skill/rmse"} <= set(found["metrics"])
        assert (found["part"], found["examples"], found["notes"]) == ("test", logged["data/n_test"], [])
    other = about(said, done, done.run_id, "--part", "val")["metrics"]
    assert other["val/rmse"] != pytest.approx(logged["test/rmse"], rel=1e-3)


def test_the_summary_has_the_model_among_its_baselines(shop: Done, said: Say) -> None:
    first, *lines = said(shop, "evaluate", shop.run_id).splitlines()
    assert first.startswith("run gru-u3-lr1e-3-")
    assert f": RMSE on the test set of {shop.file}, 17 examples" in first
    table = {line.split()[0] for line in lines[:8]}
    assert table == {"gru", "linear", "persistence", "drift", "seasonal_naive", "seasonal_growth", "ets", "theta"}
    assert [line.split()[0] for line in lines if "<- this run" in line] == ["gru"]
    assert any(line.startswith("  90 % intervals, from ") for line in lines)


def test_every_forecast_is_written_beside_the_truth(shop: Done, said: Say) -> None:
    metrics = about(said, shop, shop.run_id, "-o", "rows.csv")["metrics"]
    rows = pd.read_csv("rows.csv")
    assert list(rows.columns[-5:]) == ["actual", "predicted", "error", "low_90", "high_90"]
    error = rows["actual"] - rows["predicted"]
    assert np.sqrt(np.mean(error**2)) == pytest.approx(metrics["test/rmse"], rel=1e-6)
    assert np.abs(error).mean() != pytest.approx(metrics["test/rmse"], rel=1e-3)
    frame = sales().set_index("month")["sales"]
    dates = pd.to_datetime(rows["month"]).dt.strftime("%d.%m.%Y")
    np.testing.assert_allclose(rows["actual"], frame.loc[dates].to_numpy())


def test_the_file_of_the_rows_is_refused_before_anything_is_read(shop: Done, said: Say) -> None:
    assert "the name must end in .csv, .json, .parquet" in said(shop, "evaluate", shop.run_id, "-o", "rows.txt", code=2)


def test_other_data_are_scored_as_they_are_predicted(shop: Done, said: Say, predicted: Rows) -> None:
    rows = sales(seed=5)[:8]  # the rows of a single window
    rows.to_csv("window.csv", **GERMAN)
    rows[:6].to_csv("past.csv", **GERMAN)
    answers = predicted(shop, shop.run_id, "past.csv")
    found = about(said, shop, shop.run_id, "--data", "window.csv")
    error = rows["sales"].to_numpy()[6:] - [row["sales"] for row in answers]
    assert found["examples"] == 1
    assert found["metrics"]["all/rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-6)
    last = rows["sales"].to_numpy()[5]
    naive = np.sqrt(np.mean((rows["sales"].to_numpy()[6:] - last) ** 2))
    assert found["metrics"]["baseline/persistence/rmse"] == pytest.approx(naive)
    inside = [row["sales_lo_90"] <= value <= row["sales_hi_90"] for row, value in zip(answers, rows["sales"][6:])]
    assert found["metrics"]["all/coverage_90"] == np.mean(inside)


def test_the_scaler_is_the_runs_own(shop: Done, said: Say) -> None:
    frame = sales(seed=6)
    frame.to_csv("once.csv", **GERMAN)
    frame.assign(sales=frame["sales"] * 100).to_csv("larger.csv", **GERMAN)
    once, larger = (about(said, shop, shop.run_id, "--data", f"{name}.csv")["metrics"] for name in ("once", "larger"))
    # A scaler that were fitted again would take the factor out, as it is for a baseline.
    assert larger["baseline/drift/rmse"] == pytest.approx(100 * once["baseline/drift/rmse"])
    assert larger["all/rmse"] > 2 * 100 * once["all/rmse"]


FEW_LAGS = "the linear baseline sees 6 lags instead of a season and one, 13: "
FEW_ROWS = "the baseline ets repeats the last value in 18 of 113 forecasts, because there are no rows before them"


def test_other_data_stand_beside_the_baselines_of_the_run(shop: Done, said: Say) -> None:
    """Its linear model, fitted to its training part: on rows that went on after it, the very same forecasts."""
    sales(seed=7).to_csv("new.csv", **GERMAN)
    found = about(said, shop, shop.run_id, "--data", "path=new.csv")
    bases = {name.split("/")[1] for name in found["metrics"] if name.startswith("baseline/")}
    assert bases == {"persistence", "drift", "linear", "ets"}
    assert "it would repeat the last value in all forecasts" in found["skipped"]["baseline/theta"]
    assert "less than one season before it" in found["skipped"]["baseline/seasonal_naive"]
    assert (found["notes"][0].startswith(FEW_LAGS), found["notes"][1:]) == (True, [FEW_ROWS])
    assert found["data"] == "new.csv"
    sales(seed=7).assign(sales=lambda rows: rows["sales"] * 100).to_csv("larger.csv", **GERMAN)
    larger = about(said, shop, shop.run_id, "--data", "path=larger.csv")["metrics"]
    assert larger["baseline/drift/rmse"] == pytest.approx(100 * found["metrics"]["baseline/drift/rmse"])
    assert larger["all/mase"] != pytest.approx(found["metrics"]["all/mase"], rel=0.1)  # in the run's own units


def test_rows_that_the_run_has_learned_from_are_counted(shop: Done, said: Say, tmp_path: Path) -> None:
    whole = about(said, shop, shop.run_id, "--data", str(shop.file))
    learned = int(120 * 0.85) - 6
    assert whole["notes"][0].startswith(FEW_LAGS)
    assert whole["notes"][1] == FEW_ROWS
    assert whole["notes"][2:] == [f"{learned} of the 114 scored rows are among those that the run was trained on"]
    sales()[90:].to_csv(tmp_path / "end.csv", **GERMAN)
    note = about(said, shop, shop.run_id, "--data", "end.csv")["notes"][-1]
    assert note.startswith("6 of the 24 scored rows are among those")


def test_rows_are_told_by_their_dates_too(shop: Done, said: Say) -> None:
    frame = sales()
    month = pd.to_datetime(frame["month"], format="%d.%m.%Y") + pd.DateOffset(years=20)
    frame.assign(month=month.dt.strftime("%d.%m.%Y")).to_csv("later.csv", **GERMAN)
    assert about(said, shop, shop.run_id, "--data", "later.csv")["notes"][1:] == [FEW_ROWS]


def test_whether_rows_were_seen_is_not_known_once_the_data_have_changed(shop: Done, said: Say) -> None:
    before = shop.file.read_text()
    sales(seed=8).to_csv("new.csv", **GERMAN)
    try:
        shop.file.write_text(before.replace(",", ",1", 2))
        (note,) = about(said, shop, shop.run_id, "--data", "new.csv")["notes"]
        assert "cannot be identified: its own data have changed since" in note
        assert "the data have changed since run gru-" in said(shop, "evaluate", shop.run_id, code=3)
        shop.file.unlink()
        (note,) = about(said, shop, shop.run_id, "--data", "new.csv")["notes"]
        assert "cannot be identified: " in note
        assert "there is no file `sales.csv`" in note
    finally:
        shop.file.write_text(before)


def test_each_series_keeps_its_own_scaler_whatever_the_order(chain: Done) -> None:
    frame = long()
    frame.to_csv("same.csv", index=False)
    order = ["west", "north"]
    pd.concat([frame[frame["shop"] == name] for name in order])[["open", "sold", "ds", "shop"]].to_csv(
        "other.csv", index=False
    )
    same, other = scored(chain, path="same.csv"), scored(chain, path="other.csv")
    size = len(other.report.predictions.predicted) // 2
    ours, theirs = other.report.predictions, same.report.predictions
    np.testing.assert_allclose(ours.predicted[:size], theirs.predicted[2 * size :], rtol=1e-6)
    np.testing.assert_allclose(ours.predicted[size:], theirs.predicted[:size], rtol=1e-6)
    assert not np.allclose(ours.predicted[:size], theirs.predicted[:size], rtol=1e-2)


def test_the_coverage_is_that_of_the_intervals_in_the_model(chain: Done) -> None:
    long().assign(sold=long()["sold"] * 1.1).to_csv("more.csv", index=False)
    found = scored(chain, path="more.csv")
    kept = read(chain.result.run_dir / "model", (3, 1))
    assert found.report.intervals is not None
    np.testing.assert_array_equal(found.report.intervals.half, kept.half)
    low, high = found.report.predictions.bounds  # type: ignore[misc]
    actual = found.report.predictions.actual
    assert found.report.metrics["all/coverage_90"] == np.mean((low <= actual) & (actual <= high))
    assert found.report.intervals.coverage != kept.coverage


MISTAKES: dict[str, tuple[Any, str]] = {
    "unseen": (lambda frame: frame.replace("south", "sout"), "series `sout` was not seen in training, its scaler is"),
    "no names": (lambda frame: frame.drop(columns="shop"), 'no column "shop" to tell series apart'),
    "a missing column": (
        lambda frame: frame.rename(columns={"open": "opne"}),
        'no column "open"; did you mean `opne`?',
    ),
    "too few rows": (lambda frame: frame.groupby("shop").head(7), "3 of 3 series have fewer than the 8 rows"),
    "a gap": (lambda frame: frame.drop(index=30), "1 row is absent between 59 rows"),
    "a missing cell": (
        lambda frame: frame.assign(open=frame["open"].where(frame.index != 3)),
        "1 missing value (line 5)",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_other_data_is_named(mistake: str, chain: Done, said: Say) -> None:
    change, message = MISTAKES[mistake]
    change(long()).to_csv("rows.csv", index=False)
    text = said(chain, "evaluate", chain.run_id, "--data", "rows.csv", code=3)
    assert message in text
    assert "rows.csv" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data", "horizon=3"], "data.horizon: is fixed by the trained model"),
        (["--data", "x.csv", "mising=drop"], "data.mising: unknown key; did you mean `data.missing`?"),
        (["--data", "x.csv", "--part", "test"], "--part is of the run's own data; those of --data are scored whole"),
    ],
)
def test_a_mistake_in_the_command_exits_with_2(words: list[str], message: str, shop: Done, said: Say) -> None:
    sales().to_csv("x.csv", **GERMAN)
    assert message in said(shop, "evaluate", shop.run_id, *words, code=2)


def test_a_source_that_is_no_table_is_read_with_other_values(shop: Done, said: Say) -> None:
    run = rx.run(rx.compose("data.points=80", f"tracking.uri={shop.uri}", *TINY))
    new = about(said, shop, str(run.run_id), "--data", "seed=7", "data.points=60")
    assert (new["part"], new["examples"], new["notes"][3:]) == ("all", 50, [])
    note = about(said, shop, str(run.run_id), "--data", "points=80")["notes"][-1]
    assert note.startswith("58 of the 70 scored rows")
    assert "has no key" not in note
    text = said(shop, "evaluate", str(run.run_id), "--data", "points=5", code=3)
    assert "one window needs 11: sequence_length 10 + horizon 1" in text


def test_a_run_without_parts_says_which_it_has(shop: Done, said: Say) -> None:
    words = ("data=ramp", "data.split=none", "data.sequence_length=3", f"tracking.uri={shop.uri}", *TINY)
    run = rx.run(rx.compose(*words))
    assert "have the sets train" in said(shop, "evaluate", str(run.run_id), "--part", "test", code=2)
    assert about(said, shop, str(run.run_id))["part"] == "train"


def test_sequences_are_scored_on_their_own_parts(shop: Done, said: Say) -> None:
    run = rx.run(rx.compose("data=adding", "data.examples=60", f"tracking.uri={shop.uri}", *TINY))
    found = about(said, shop, str(run.run_id))["metrics"]
    assert found == pytest.approx({key: run.metrics[key] for key in found}, rel=1e-6)
    others = about(said, shop, str(run.run_id), "--data", "seed=5")
    assert others["metrics"]["all/rmse"] != pytest.approx(found["test/rmse"], rel=1e-6)
    assert others["metrics"]["baseline/mean/rmse"] > 0
    assert others["skipped"] == {}


def test_a_model_alone_is_scored_on_a_table(shop: Done, said: Say, tmp_path: Path) -> None:
    import shutil

    alone = shutil.copytree(shop.result.run_dir / "model", tmp_path / "alone")
    sales(seed=9).to_csv("new.csv", index=False)
    words = ("--data", "new.csv", "time_format='%d.%m.%Y'")
    found = about(said, shop, str(alone), *words)
    sales(seed=9).to_csv("german.csv", **GERMAN)
    whole = about(said, shop, shop.run_id, "--data", "german.csv")
    assert found["metrics"]["all/rmse"] == pytest.approx(whole["metrics"]["all/rmse"], rel=1e-6)
    assert "rows that it was trained on cannot be identified" in found["notes"][-1]
    assert "has no record of its training data" in said(shop, "evaluate", str(alone), code=2)
