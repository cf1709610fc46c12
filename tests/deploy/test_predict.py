"""A trained run forecasts what follows a table; whatever is wrong with the table is named."""

from __future__ import annotations

import io
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny_runs import TINY, Done, Rows, Say, long, sales

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.deploy.write import lines
from rnnexp.tasks.forecasting.intervals import FILE

PLUGIN = """
import keras
from rnnexp import register

@register("model")
def plain_dense(spec, units: int = 3) -> keras.Model:
    past = keras.Input(spec.inputs["past"].shape, name="past")
    x = keras.layers.Dense(spec.output_shape[0] * spec.output_shape[1], name="output")(keras.layers.Flatten()(past))
    return keras.Model(past, keras.layers.Reshape(spec.output_shape, name="shape")(x))
"""


def numbers(rows: list[dict[str, Any]], column: str = "sales") -> list[float]:
    return [row[column] for row in rows]


def german(frame: pd.DataFrame, file: str | Path) -> str:
    frame.to_csv(file, sep=";", decimal=",", index=False)
    return str(file)


def comma(number: float) -> str:
    return str(number).replace(".", ",")


def test_what_follows_the_runs_own_data_is_the_forecast_of_the_run(shop: Done, predicted: Rows) -> None:
    rows = predicted(shop, shop.run_id)
    assert [(row["month"], row["step"]) for row in rows] == [("2020-01-01", 1), ("2020-02-01", 2)]
    assert numbers(rows) == pytest.approx(shop.result.forecast[0, :, 0], rel=1e-6)
    assert all(row["sales_lo_90"] < row["sales"] < row["sales_hi_90"] for row in rows)


def test_the_answer_is_that_of_the_model_in_mlflow(shop: Done, predicted: Rows) -> None:
    from mlflow.pyfunc import load_model
    from mlflow.tracking import set_tracking_uri

    set_tracking_uri(shop.uri)
    try:
        model = load_model(f"runs:/{shop.run_id}/model")
    finally:
        set_tracking_uri(None)  # type: ignore[arg-type]
    frame = sales().rename(columns={"month": "when"})
    ours = predicted(shop, shop.run_id, str(shop.file), "--level", "80", "90")
    plain, asked = model.predict(frame), model.predict(frame, params={"levels": [80, 90]})
    assert list(plain.columns) == ["step", "sales"]
    assert numbers(ours) == pytest.approx(plain["sales"], rel=1e-6)
    bounds = [f"sales_{end}_{level}" for level in (80, 90) for end in ("lo", "hi")]
    assert list(asked.columns) == ["step", "sales", *bounds]
    for name in bounds:
        assert numbers(ours, name) == pytest.approx(asked[name], rel=1e-6)


@pytest.mark.fault("E16")
def test_columns_are_matched_by_name_whatever_their_order(shop: Done, predicted: Rows, tmp_path: Path) -> None:
    frame = sales().assign(remark="none")[["price", "remark", "sales", "month"]]
    same = predicted(shop, shop.run_id, german(frame, "other.csv"))
    assert numbers(same) == numbers(predicted(shop, shop.run_id, str(shop.file)))
    swapped = frame.rename(columns={"price": "sales", "sales": "price"})
    assert numbers(predicted(shop, shop.run_id, german(swapped, "swapped.csv"))) != numbers(same)


def test_only_the_last_rows_matter(shop: Done, predicted: Rows) -> None:
    last = predicted(shop, shop.run_id, german(sales()[-6:], "last.csv"))
    assert numbers(last) == numbers(predicted(shop, shop.run_id))
    assert numbers(predicted(shop, shop.run_id, german(sales()[-8:-1], "before.csv"))) != numbers(last)


@pytest.mark.parametrize("way", ["id", "beginning", "name", "folder", "model", "in mlflow"])
def test_a_run_is_given_in_many_ways(way: str, shop: Done, predicted: Rows, tmp_path: Path) -> None:
    from rnnexp.tracking.query import Wanted, select

    (run,) = select(shop.uri, Wanted(run=shop.run_id))
    folder = shop.result.run_dir
    found = Path(shop.uri.removeprefix("sqlite:///")).parent.rglob(f"*/{shop.run_id}/../models/*/artifacts/MLmodel")
    (mlflows,) = (one for one in found if shop.run_id in one.read_text())
    words = {
        "id": shop.run_id,
        "beginning": shop.run_id[:10],
        "name": run.name,
        "folder": str(folder),
        "model": str(shutil.copytree(folder / "model", tmp_path / "alone")),
        "in mlflow": str(mlflows.parent),
    }
    layout = (
        ("--data", "separator=';'", "decimal=','", "time_format='%d.%m.%Y'") if way in ("model", "in mlflow") else ()
    )
    rows = predicted(shop, words[way], str(shop.file), *layout)
    assert numbers(rows) == pytest.approx(shop.result.forecast[0, :, 0], rel=1e-6)


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Listen on an address that nobody has set, with a token in the environment that it would be sent."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "hunter2secret")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield listening


def asked(listening: socket.socket) -> bool:
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_the_store_that_a_folder_names_is_not_asked(
    command: str,
    shop: Done,
    stranger: socket.socket,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    folder = Path(shutil.copytree(shop.result.run_dir, tmp_path / "moved"))
    address = f"http://ada:letmein1@127.0.0.1:{stranger.getsockname()[1]}"
    (folder / "run.json").write_text(json.dumps({"run_id": shop.run_id, "uri": address}))
    words = ["predict", str(folder), str(shop.file)] if command == "predict" else ["evaluate", str(folder)]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"] is None
    assert "its run is in another store, 'http://***@127.0.0.1" in caplog.text
    assert "letmein1" not in caplog.text
    assert not asked(stranger)
    main([*words, "--uri", address])
    assert asked(stranger)  # the user has set it


def test_an_address_in_a_database_is_not_asked_for_files(
    shop: Done, stranger: socket.socket, said: Say, tmp_path: Path
) -> None:
    copy = Done(f"sqlite:///{tmp_path}/mlflow.db", shop.result, shop.file)
    shutil.copy(shop.uri.removeprefix("sqlite:///"), tmp_path / "mlflow.db")
    for scheme in ("http", "mlflow-artifacts"):
        place = f"{scheme}://127.0.0.1:{stranger.getsockname()[1]}/x"
        with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection, connection:
            connection.execute("UPDATE runs SET artifact_uri = ?", [place])
        assert "which is not asked" in said(copy, "predict", shop.run_id, str(shop.file), code=5)
    assert not asked(stranger)


def test_a_calendar_needs_dates(shop: Done, said: Say, predicted: Rows) -> None:
    words = (f"data.path={shop.file}", "data.time=month", "data.time_format='%d.%m.%Y'", "data.separator=';'")
    shape = ("data.decimal=','", "data.target=sales", "data.sequence_length=4", "data.calendar=[month]")
    run = rx.run(rx.compose("data=csv", *words, *shape, f"tracking.uri={shop.uri}", *TINY))
    (row,) = predicted(shop, str(run.run_id))
    assert row["month"] == "2020-01-01"
    file = german(sales().rename(columns={"month": "Month"}), "other.csv")
    assert 'no column "month", whose dates the model needs; did you mean `Month`?' in said(
        shop, "predict", str(run.run_id), file, code=3
    )
    assert predicted(shop, str(run.run_id), file, "--data", "time=Month") == [row | {"month": "2020-01-01"}]


def test_a_model_whose_folder_is_gone_comes_from_the_store(shop: Done, predicted: Rows) -> None:
    hidden = shop.result.run_dir.rename(shop.result.run_dir.with_name("hidden"))
    try:
        assert numbers(predicted(shop, shop.run_id)) == pytest.approx(shop.result.forecast[0, :, 0], rel=1e-6)
    finally:
        hidden.rename(shop.result.run_dir)


def test_each_format_holds_the_same(shop: Done, said: Say, predicted: Rows) -> None:
    Path("f.csv").write_text("old")
    for suffix in ("csv", "json", "parquet"):
        out = said(shop, "predict", shop.run_id, "-o", f"f.{suffix}")
        assert out.startswith(f"f.{suffix}: 2 rows predicted by run gru-u3-lr1e-3-")
    csv, parquet = pd.read_csv("f.csv", parse_dates=["month"]), pd.read_parquet("f.parquet")
    pd.testing.assert_frame_equal(csv, parquet, check_dtype=False)
    assert list(csv.columns) == ["month", "step", "sales", "sales_lo_90", "sales_hi_90"]
    assert json.loads(Path("f.json").read_text()) == predicted(shop, shop.run_id)
    assert said(shop, "predict", shop.run_id) == Path("f.csv").read_text()


def test_a_terminal_gets_a_table_of_six_digits_and_plain_dates() -> None:
    time = pd.to_datetime(["2020-01-01", "2020-01-02"])
    frame = pd.DataFrame({"ds": time, "step": [1, 2], "a": [1234567.8, 0.000123456789]})
    assert lines(frame) == [["ds", "step", "a"], ["2020-01-01", "1", "1.23457e+06"], ["2020-01-02", "2", "0.000123457"]]
    assert lines(frame.assign(ds=time + pd.Timedelta("6h")))[1][0] == "2020-01-01T06:00:00"


def test_rows_come_from_standard_input_too(
    shop: Done, said: Say, predicted: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = shop.file.read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    assert predicted(shop, shop.run_id, "-") == predicted(shop, shop.run_id)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.replace(b"sales", b"sold"))))
    assert said(shop, "predict", shop.run_id, "-", code=3).startswith("rnnexp: standard input: data.target: there is")


def test_levels_are_chosen_or_left_out(shop: Done, predicted: Rows, said: Say) -> None:
    (first, _) = predicted(shop, shop.run_id, "--level", "80", "50")
    low = [first[f"sales_lo_{level}"] for level in (80, 50)]
    assert low == sorted(low)
    assert not any("lo" in name for name in predicted(shop, shop.run_id, "--level", "none")[0])
    assert "no 97 % interval: it takes the errors of 33 validation forecasts" in said(
        shop, "predict", shop.run_id, "--level", "97", code=3
    )


def test_what_the_intervals_held_is_said(shop: Done, said: Say) -> None:
    held = shop.result.metrics["test/coverage_90"]
    made = shop.result.report.intervals
    assert made is not None
    assert f"errors of {made.examples} validation forecasts" in (
        text := said(shop, "predict", shop.run_id, stream="err")
    )
    assert f"those of 90 % held {held:.1%}" in text
    about = json.loads(said(shop, "predict", shop.run_id, "--json"))["intervals"]
    assert about == {"90": {"examples": made.examples, "coverage": held}}


def test_a_model_of_an_earlier_version_still_forecasts(shop: Done, said: Say, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shop.result.run_dir, tmp_path / "old"))
    (folder / "model" / FILE).unlink()
    assert "no prediction intervals: the model was saved without any, by an earlier" in said(
        shop, "predict", str(folder), stream="err"
    )
    assert "no 90 % interval: the model was saved" in said(shop, "predict", str(folder), "--level", "90", code=3)


MISTAKES: dict[str, tuple[Any, str]] = {
    "a misspelled column": (
        lambda frame: frame.rename(columns={"price": "Prices"}),
        'rows.csv: data.features, data.known or data.weight: there is no column "price"; did you mean `Prices`?',
    ),
    "too few rows": (lambda frame: frame[-5:], "rows.csv: 5 observed rows; one forecast needs 6 (sequence_length 6"),
    "a gap": (lambda frame: frame.drop(index=110), 'rows.csv: 1 row is absent between 119 rows in steps of "MS", in 1'),
    "a gap between two rows": (
        lambda frame: frame.iloc[[0, 2]],
        "rows.csv: 1 row is absent between 2 rows in steps of",
    ),
    "a missing cell": (
        lambda frame: frame.assign(price=frame["price"].where(frame.index != 100)),
        'rows.csv: column "price": 1 missing value (line 102). Allow it with data.missing=drop (leaves out 1 row)',
    ),
    "time that goes back": (lambda frame: frame[::-1], "rows.csv: time goes back 119 times"),
    "a word among numbers": (
        lambda frame: frame.assign(sales=[*map(comma, frame["sales"][:7]), "many", *map(comma, frame["sales"][8:])]),
        'column "sales": 1 cell is not a usable number (line 9 "many")',
    ),
    "zero in logarithms": (lambda frame: frame.assign(sales=0.0), "`log` needs values above 0: column `sales` has 0"),
    "other steps": (
        lambda frame: frame.assign(month=pd.date_range("2010-01-01", periods=120).strftime("%d.%m.%Y")),
        'rows.csv: 116 dates beside the even steps of "MS"',
    ),
    "no values at all": (lambda frame: frame.assign(sales=np.nan), 'rows.csv: column "sales"'),
}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.fault("E16")
def test_a_mistake_in_the_rows_is_named(mistake: str, shop: Done, said: Say) -> None:
    change, message = MISTAKES[mistake]
    text = said(shop, "predict", shop.run_id, german(change(sales()), "rows.csv"), code=3)
    assert message in text


def test_data_settings_allow_what_is_refused(shop: Done, said: Say, predicted: Rows) -> None:
    file = german(sales().drop(index=110), "gap.csv")
    assert numbers(predicted(shop, shop.run_id, file, "--data", "gaps=ffill")) == numbers(predicted(shop, shop.run_id))
    renamed = german(sales().rename(columns={"sales": "sold", "month": "day"}), "renamed.csv")
    found = predicted(shop, shop.run_id, renamed, "--data", "data.target=sold", "time=day")
    assert numbers(found) == numbers(predicted(shop, shop.run_id))
    assert [row["month"] for row in found] == ["2020-01-01", "2020-02-01"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["horizon=3"], "data.horizon: is fixed by the trained model; train another one to change it"),
        (["split.train=0.5"], "data.split.train: is fixed by the trained model"),
        (["seperator=','"], "data.seperator: unknown key; did you mean `data.separator`?"),
        (["gaps=never"], "data.gaps: 'never' given; must be 'fail', 'ignore', 'ffill' or 'interpolate'"),
        (["gaps=fail,ignore"], "`gaps=fail,ignore`: give one value"),
        (["target=[sales,month]"], "data.target: 2 columns given; the model has 1: sales"),
        (["a.csv", "b.csv"], "--data: 2 files given (a.csv, b.csv)"),
    ],
)
def test_a_mistake_in_the_settings_is_named(words: list[str], message: str, shop: Done, said: Say) -> None:
    assert message in said(shop, "predict", shop.run_id, str(shop.file), "--data", *words, code=2)


def test_dates_may_be_absent_where_the_model_needs_none(shop: Done, said: Say, predicted: Rows) -> None:
    file = german(sales().rename(columns={"month": "moth"}), "undated.csv")
    assert "month" not in predicted(shop, shop.run_id, file)[0]
    note = said(shop, "predict", shop.run_id, file, stream="err")
    assert 'there is no column "month": forecasts get no dates, and gaps cannot be seen; did you mean `moth`?' in note


def ahead(rows: int = 3, first: str = "2024-03-01") -> pd.DataFrame:
    """Return the known column of the rows to be forecast."""
    ds = pd.date_range(first, periods=rows)
    return pd.concat([pd.DataFrame({"shop": shop, "ds": ds, "open": 1}) for shop in ("north", "south", "west")])


def test_each_series_is_forecast_with_what_is_known_ahead(chain: Done, predicted: Rows) -> None:
    pd.concat([ahead(), long()]).sort_values(["shop", "ds"]).to_csv("ahead.csv", index=False)
    rows = predicted(chain, chain.run_id, "ahead.csv")
    assert [(row["shop"], row["step"]) for row in rows] == [
        (shop, step) for shop in ("north", "south", "west") for step in (1, 2, 3)
    ]
    assert {row["ds"] for row in rows} == {"2024-03-01", "2024-03-02", "2024-03-03"}
    sizes = [np.mean(numbers(rows[i : i + 3], "sold")) for i in (0, 3, 6)]
    assert 10 * sizes[0] < sizes[1] < 0.1 * sizes[2]
    closed = pd.concat([ahead().assign(open=0), long()]).sort_values(["shop", "ds"])
    closed.to_csv("closed.csv", index=False)
    assert numbers(predicted(chain, chain.run_id, "closed.csv"), "sold") != numbers(rows, "sold")


@pytest.mark.end_to_end
def test_a_mistake_in_the_rows_is_told_before_keras_is_imported(shop: Done, tmp_path: Path) -> None:
    code = "import sys; from rnnexp.cli.main import main; print(main(sys.argv[1:]), 'keras' in sys.modules)"
    told = {}
    for name, rows in (("short.csv", sales()[-5:]), ("whole.csv", sales())):
        words = ("predict", shop.run_id, german(rows, name), "--uri", shop.uri, "-o", "answer.csv")
        done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=120)
        told[name] = done.stdout.splitlines()[-1]
    assert told == {"short.csv": "3 False", "whole.csv": "0 True"}


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (long(), "series `north`: open must be given for 3 rows after the last observed one, with the targets left"),
        (pd.concat([long(), ahead(2)]), "must be given for 3 rows after the last observed one"),
        (pd.concat([long(), ahead(3, "2024-03-05")]), 'must follow the last observed one in steps of "D": line 182'),
        (
            pd.concat([long(), ahead()]).replace("south", "sout"),
            "series `sout` was not seen in training, its scaler is unknown; did you mean",
        ),
        (
            long().rename(columns={"shop": "Shop"}),
            'there is no column "shop" to tell series apart; did you mean `Shop`',
        ),
        (long().drop(index=range(56)), "series `north`: 4 observed rows; one forecast needs 5"),
    ],
    ids=["not ahead", "not far enough", "a leap", "unseen", "no names", "one too short"],
)
def test_a_mistake_in_several_series_is_named(frame: pd.DataFrame, message: str, chain: Done, said: Say) -> None:
    frame.to_csv("rows.csv", index=False)
    text = said(chain, "predict", chain.run_id, "rows.csv", code=3)
    assert message in text
    assert "rows.csv" in text


def test_series_that_are_too_short_can_be_left_out(chain: Done, said: Say, predicted: Rows) -> None:
    pd.concat([long().drop(index=range(56)), ahead()]).to_csv("short.csv", index=False)
    words = (chain.run_id, "short.csv", "--data", "on_short=skip")
    assert {row["shop"] for row in predicted(chain, *words)} == {"south", "west"}
    assert "1 of 3 series have fewer than 5 observed rows" in said(chain, "predict", *words, stream="err")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing"], "there is no run `nothing`\nthe latest: gru-u3-lr1e-3-"),
        (["csv"], "there is no run `csv`: that is an experiment, of "),
        (["gru-u3-lr1e-3-"], "there is no run `gru-u3-lr1e-3-`; did you mean `gru-u3-lr1e-3-"),
        (["runs/nothing"], "runs/nothing: there is no such folder"),
        (["."], "there is no run `.`"),
        (["x", "-o", "x.xlsx"], "-o x.xlsx: the name must end in .csv, .json, .parquet"),
        (["x", "-o", "x.cvs"], "the name must end in .csv, .json, .parquet; did you mean `.csv`?"),
        (["x", "--level", "80", "none"], "--level: none is given together with levels; give one of the two"),
        (["x", "y.csv", "--data", "z.csv"], "the rows are given twice: y.csv, and --data path=z.csv"),
        (["x", "-o", "no/x.csv"], "-o no/x.csv: there is no folder no"),
    ],
)
def test_a_mistake_in_the_command_exits_with_2(words: list[str], message: str, shop: Done, said: Say) -> None:
    assert message in said(shop, "predict", *words, code=2)


def test_a_file_that_is_not_there_exits_with_3(shop: Done, said: Say) -> None:
    Path("rows.csv").touch()
    assert "row.csv: there is no file `row.csv`" in (text := said(shop, "predict", shop.run_id, "row.csv", code=3))
    assert "near it: rows.csv" in text


def test_nothing_tracked_is_answered_with_how_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "any"]) == 2
    assert "no runs are tracked here; start with: rnnexp train" in capsys.readouterr().err


def test_a_level_is_a_percentage(shop: Done, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["predict", shop.run_id, "--level", "0.9"])
    assert "`0.9` is not a level in percent; give 50 to 99, or none" in capsys.readouterr().err


def test_runs_that_cannot_predict_say_why(shop: Done, said: Say, tmp_path: Path) -> None:
    bare = rx.run(rx.compose("data.points=60", f"tracking.uri={shop.uri}", "tracking.log_model=false", *TINY))
    assert "has no model: it was run with tracking.log_model=false" in said(shop, "predict", str(bare.run_id), code=2)
    assert "has no model: it was run with tracking.log_model=false" in said(shop, "predict", str(bare.run_dir), code=2)
    sums = rx.run(rx.compose("data=adding", "data.examples=40", f"tracking.uri={shop.uri}", *TINY))
    assert "takes sequences: give a .ts or .npz file" in said(shop, "predict", str(sums.run_id), code=2)


def test_plugins_are_loaded_only_if_they_are_allowed(shop: Done, said: Say, predicted: Rows, tmp_path: Path) -> None:
    (tmp_path / "plain_models.py").write_text(PLUGIN)
    words = ("data.points=60", f"tracking.uri={shop.uri}", *TINY[:3], "plugins=[plain_models]", "model=plain_dense")
    run = rx.run(rx.compose(*words))
    refused = said(shop, "predict", str(run.run_id), code=2)
    assert f"if you trust them: rnnexp predict {run.run_id} --plugins plain_models" in refused
    (row,) = predicted(shop, str(run.run_id), "--plugins", "plain_models")
    assert row["value"] == pytest.approx(run.forecast[0, 0, 0], rel=1e-6)


def test_values_to_continue_are_those_of_the_run(shop: Done, predicted: Rows) -> None:
    words = ("data=ramp", "data.split=none", "data.sequence_length=3", "data.forecast_from=[4,5,6]")
    run = rx.run(rx.compose(*words, f"tracking.uri={shop.uri}", *TINY))
    (row,) = predicted(shop, str(run.run_id))
    assert row["value"] == pytest.approx(run.forecast[0, 0, 0], rel=1e-6)
