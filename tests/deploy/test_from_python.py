"""A run that Python loads answers as the command line does: to the last bit, in the same columns and sentences."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tiny_runs import Done, Say, long

import rnnexp as rx
from rnnexp.cli.main import main

Change = Callable[[pd.DataFrame], pd.DataFrame]


def german(done: Done) -> pd.DataFrame:
    """Return the table of the run as pandas reads it."""
    return pd.read_csv(done.file, sep=";", decimal=",")


def shops(done: Done) -> pd.DataFrame:
    """Return the table of three series, with the days ahead that are known."""
    days = pd.date_range("2024-03-01", periods=3)
    ahead = [
        pd.DataFrame({"shop": shop, "ds": days.strftime("%Y-%m-%d"), "open": 1}) for shop in long()["shop"].unique()
    ]
    return pd.concat([pd.read_csv(done.file), *ahead]).sort_values("shop", kind="stable", ignore_index=True)


def loaded(done: Done, run: Any = None) -> rx.TrainedRun:
    return rx.load(run or done.run_id, uri=done.uri)


def answer(said: Say, done: Done, frame: pd.DataFrame | None, *words: str) -> pd.DataFrame:
    """Return what the command line writes for a table that stands in a file."""
    given = []
    if frame is not None:
        written = {"sep": ";", "decimal": ","} if "month" in frame else {}
        frame.to_csv("given.csv", index=False, **written)  # type: ignore[call-overload]
        given = ["given.csv"]
    said(done, "predict", done.run_id, *given, *words, "-o", "answer.parquet")
    return pd.read_parquet("answer.parquet")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


GERMAN: dict[str, Change] = {
    "as it is": lambda rows: rows,
    "its end": lambda rows: rows.tail(10),
    "other columns first": lambda rows: rows[rows.columns[::-1]],
    "a column more": lambda rows: rows.assign(remark="none", lists=[[1]] * len(rows)),
    "whole numbers": lambda rows: rows.assign(sales=rows["sales"].round().astype("Int64")),
}


@pytest.mark.parametrize("change", GERMAN)
def test_a_table_gets_the_answer_of_the_command(change: str, shop: Done, said: Say) -> None:
    rows = GERMAN[change](german(shop))
    found = loaded(shop).predict(rows)
    pd.testing.assert_frame_equal(found, answer(said, shop, rows), check_exact=True)
    assert list(found.columns) == ["month", "step", "sales", "sales_lo_90", "sales_hi_90"]


@pytest.mark.parametrize("model", ["linear", "persistence", "best", "network"])
def test_a_baseline_answers_as_it_does_on_the_command_line(model: str, shop: Done, said: Say) -> None:
    rows, run = german(shop).tail(30), loaded(shop)
    found = run.predict(rows, model=model)
    pd.testing.assert_frame_equal(found, answer(said, shop, rows, "--model", model), check_exact=True)
    assert found["sales"].equals(run.predict(rows)["sales"]) == (model == "network")
    with pytest.raises(rx.ConfigError, match="liner.*did you mean `linear`"):
        run.predict(rows, model="liner")


TYPED: dict[str, Change] = {
    "objects": lambda rows: rows.astype({"sales": "object", "price": "category"}),
    "texts as in the file": lambda rows: (
        rows.astype(str).apply(lambda column: column.str.replace(".", ",")).assign(month=rows["month"])
    ),
    "types that know nothing": lambda rows: rows.convert_dtypes(),
}


@pytest.mark.parametrize("change", TYPED)
def test_numbers_count_however_they_are_kept(change: str, shop: Done) -> None:
    rows, model = german(shop), loaded(shop)
    pd.testing.assert_frame_equal(model.predict(TYPED[change](rows)), model.predict(rows), check_exact=True)


DATED: dict[str, Change] = {
    "dates": lambda rows: rows,
    "dates of Python": lambda rows: rows.assign(month=rows["month"].dt.date),
    "an index of dates": lambda rows: rows.set_index("month"),
    "an index without a name": lambda rows: rows.set_index("month").rename_axis(None),
    "an index of another name": lambda rows: rows.set_index("month").rename_axis("date"),
    "an index of months": lambda rows: rows.set_index(pd.PeriodIndex(rows["month"], freq="M")).drop(columns="month"),
}


@pytest.mark.parametrize("change", DATED)
def test_dates_may_be_dates_or_the_index(change: str, shop: Done) -> None:
    rows, model = german(shop), loaded(shop)
    dated = DATED[change](rows.assign(month=pd.to_datetime(rows["month"], format="%d.%m.%Y")))
    pd.testing.assert_frame_equal(model.predict(dated), model.predict(rows), check_exact=True)


def test_several_series_keep_their_names_and_columns(chain: Done, said: Say) -> None:
    rows, model = shops(chain), loaded(chain)
    found = model.predict(rows)
    pd.testing.assert_frame_equal(found, answer(said, chain, rows), check_exact=True)
    assert list(found.columns) == ["shop", "ds", "step", "sold", "sold_lo_90", "sold_hi_90"]
    closed = model.predict(rows.assign(open=rows["open"].where(rows["sold"].notna(), 0)))
    assert not closed["sold"].equals(found["sold"])  # the negative control
    indexed = rows.set_index(["shop", "ds"])
    pd.testing.assert_frame_equal(model.predict(indexed), found, check_exact=True)


def test_its_own_data_files_numbers_and_levels_are_as_on_the_command_line(shop: Done, said: Say) -> None:
    model = loaded(shop)
    pd.testing.assert_frame_equal(model.predict(), answer(said, shop, None), check_exact=True)
    pd.testing.assert_frame_equal(model.predict(shop.file), model.predict(str(shop.file)), check_exact=True)
    levels = answer(said, shop, None, "--level", "80", "50")
    pd.testing.assert_frame_equal(model.predict(level=[80, 50]), levels, check_exact=True)
    none = answer(said, shop, None, "--level", "none")
    pd.testing.assert_frame_equal(model.predict(level=[]), none, check_exact=True)
    renamed = german(shop).rename(columns={"sales": "Umsatz", "month": "Monat"})
    expected = model.predict(german(shop), level=80)
    pd.testing.assert_frame_equal(model.predict(renamed, level=80, target="Umsatz", time="Monat"), expected)


MISTAKES: dict[str, Change] = {
    "a misspelled column": lambda rows: rows.rename(columns={"price": "Prices"}),
    "too few rows": lambda rows: rows[-5:],
    "an empty cell": lambda rows: rows.assign(price=rows["price"].where(rows.index != 110)),
    "a gap": lambda rows: rows.drop(index=110),
    "not in order": lambda rows: rows[::-1],
    "no rows": lambda rows: rows[:0],
}


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_the_sentence_of_the_command(mistake: str, command: str, shop: Done, said: Say) -> None:
    rows, model = MISTAKES[mistake](german(shop)), loaded(shop)
    rows.to_csv("given.csv", index=False, sep=";", decimal=",")
    words = ["given.csv"] if command == "predict" else ["--data", "given.csv"]
    told = said(shop, command, shop.run_id, *words, code=3)
    with pytest.raises(rx.DataError) as caught:
        getattr(model, command)(rows)
    assert plain(str(caught.value)) == plain(told)
    assert "/" not in re.sub(r"NaN.*", "", str(caught.value))  # no file that nobody has written


def plain(text: str) -> str:
    """Return a sentence without what tells a file from a table: names, numbers of lines, and how a file is read."""
    text = re.sub(r"^rnnexp: ", "", text.strip()).replace("given.csv", "the rows")
    text = re.sub(r"\(?\b(lines?|rows?)( |: )\d+(, \d+)*( and \d+ more)?\)?", "PLACE", text)
    return re.sub(r"(: there is nothing below the header|: the table is empty| \(header in|, header in).*", "", text)


def test_an_evaluation_has_the_numbers_and_rows_of_the_command(shop: Done, said: Say) -> None:
    rows, model = german(shop).tail(60), loaded(shop)
    rows.to_csv("given.csv", index=False, sep=";", decimal=",")
    words = ("evaluate", shop.run_id, "--data", "given.csv", "--json", "-o", "rows.parquet")
    whole = json.loads(said(shop, *words))
    found = model.evaluate(rows)
    assert dict(found.metrics) == whole["metrics"]
    assert (found.best_baseline, found.skill) == (whole["best_baseline"], whole["metrics"].get("skill/rmse"))
    assert [note.replace("the DataFrame", "given.csv") for note in found.notes] == whole["notes"][-len(found.notes) :]
    pd.testing.assert_frame_equal(found.predictions.to_frame(), pd.read_parquet("rows.parquet"), check_exact=True)
    assert {"month", "step", "target", "actual", "predicted", "low_90", "high_90"} <= set(found.predictions.to_frame())
    assert dict(model.evaluate(rows.tail(40)).metrics) != whole["metrics"]  # the negative control


@pytest.mark.parametrize("name", ["given.csv", "a=b, c.csv"])
def test_the_command_evaluates_on_a_file_as_it_predicts_from_one(
    shop: Done, said: Say, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    german(shop).tail(60).to_csv(name, index=False, sep=";", decimal=",")
    whole = json.loads(said(shop, "evaluate", shop.run_id, name, "--json"))
    assert whole["examples"] > 0
    german(shop).tail(60).to_csv("plain.csv", index=False, sep=";", decimal=",")
    same = json.loads(said(shop, "evaluate", shop.run_id, "--data", "plain.csv", "--json"))
    assert whole["metrics"] == same["metrics"]
    assert main(["evaluate", str(shop.result.run_dir), name, "--data", "path=plain.csv"]) == 2
    assert "the data are given twice" in capsys.readouterr().err


def test_a_part_of_its_own_gives_the_logged_numbers_again(shop: Done) -> None:
    model = loaded(shop)
    found, table = model.evaluate(), shop.result.to_frame()
    assert found.metrics["test/rmse"] == pytest.approx(shop.result.metrics["test/rmse"], rel=1e-5)
    assert set(found.to_frame().index) == set(table.index)
    assert table["rmse"].is_monotonic_increasing
    assert table.loc["gru", "rmse"] == shop.result.metrics["test/rmse"]
    assert table.loc["linear", "mae"] == shop.result.metrics["baseline/linear/mae"]
    assert str(found).startswith(f"{model.found.called}: RMSE on the test set of {shop.file}, ")
    assert model.evaluate(part="val").metrics.keys() >= {"val/rmse"}


@pytest.mark.parametrize("name", [None, "whole_series", "residuals", "learning_curves"])
def test_pictures_are_figures_that_a_notebook_shows(name: str | None, shop: Done) -> None:
    from matplotlib.figure import Figure

    figure: Any = shop.result.plot(name)
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert "sales" in figure.axes[0].get_title() or name in ("learning_curves", "residuals")


def test_a_picture_that_is_not_there_is_named_with_those_that_are(shop: Done) -> None:
    with pytest.raises(rx.ConfigError, match="no figure `residual`; did you mean `residuals`.*there are learning_cur"):
        shop.result.plot("residual")
    with pytest.raises(rx.ConfigError, match="there are prediction, whole_series, residuals"):
        loaded(shop).evaluate().plot("learning_curves")


def test_results_are_short_and_readable(shop: Done) -> None:
    result, model = shop.result, loaded(shop)
    shown = {repr(result.history): "History(3 epochs", repr(result.report): "Report("}
    shown |= {repr(result): "RunResult(", repr(model): "TrainedRun(run gru-", repr(result.predictions): "Predictions("}
    for text, begin in shown.items():
        assert text.startswith(begin)
        assert len(text.replace(str(result.run_dir), "")) < 200
    assert "LOSES to its best baseline" in str(result)
    assert "<table" in result._repr_html_()
    assert str(result).splitlines()[1].strip().split()[0] in result._repr_html_()


def test_a_run_is_found_by_all_that_names_it(shop: Done) -> None:
    name = shop.run_id
    for run in (name, name[:8], shop.result.run_dir, str(shop.result.run_dir / "model"), shop.result):
        assert loaded(shop, run).found.bundle.name == "model"
    called = re.search(r"run (\S+) \(", loaded(shop).found.called)
    assert called is not None
    assert loaded(shop, called[1]).run_id == name
    with pytest.raises(rx.ConfigError, match="there is no run `nonsense`"):
        loaded(shop, "nonsense")
    with pytest.raises(rx.ConfigError, match="there is no such folder"):
        loaded(shop, "runs/nowhere")


def test_a_loaded_run_is_read_once(shop: Done) -> None:
    model = loaded(shop)
    model.predict()
    assert model.found.load() is model.found.load()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda model: model.predict(level=20),
            r"level: 20 is not a level in percent; give 50 to 99, or \[\] for none",
        ),
        (lambda model: model.predict(level="90"), "level: '9' is not a level"),
        (lambda model: model.predict(horizon=3), "data.horizon: is fixed by the trained model"),
        (lambda model: model.predict(targt="a"), "data.targt: unknown key; did you mean `data.target`"),
        (lambda model: model.evaluate(part="tset"), "--part tset: the data .* did you mean `test`"),
        (lambda model: model.evaluate("a.csv", path="b.csv"), "the data are given twice: .* path=b.csv"),
    ],
)
def test_mistakes_of_a_call_are_configuration_errors(ask: Callable[[Any], Any], said: str, shop: Done) -> None:
    with pytest.raises(rx.ConfigError, match=said):
        ask(loaded(shop))


def test_what_is_no_table_is_refused(shop: Done) -> None:
    with pytest.raises(rx.DataError, match="the rows must be a table with named columns, not int"):
        loaded(shop).predict(3)
    twice = pd.DataFrame([[1.0, 2.0]], columns=["price", "price"])
    with pytest.raises(rx.DataError, match='there are 2 columns "price"; leave one'):
        loaded(shop).predict(twice)


def served(done: Done) -> Any:
    """Load a model as a program does that knows MLflow alone."""
    from mlflow.pyfunc import load_model
    from mlflow.tracking import set_tracking_uri

    set_tracking_uri(done.uri)
    try:
        return load_model(f"runs:/{done.run_id}/model")
    finally:
        set_tracking_uri(None)  # type: ignore[arg-type]


def test_the_model_in_mlflow_has_the_users_own_columns(shop: Done, chain: Done) -> None:
    for done, rows in ((shop, german(shop)), (chain, shops(chain))):
        model = served(done)
        expected = loaded(done).predict(rows)
        pd.testing.assert_frame_equal(model.predict(rows, {"levels": [90]}), expected, check_exact=True)
        names = model.metadata.signature.outputs.input_names()
        assert names == [name for name in expected.columns if not name.endswith("_90")]


def test_tracked_runs_are_a_table(shop: Done, chain: Done) -> None:
    frame = rx.runs(uri=shop.uri)
    assert {shop.run_id, chain.run_id} <= set(frame["run_id"])
    mine = frame.set_index("run_id").loc[shop.run_id]
    assert (mine["experiment"], mine["outcome"], mine["params.data.sequence_length"]) == ("csv", "ok", 6)
    assert mine["metrics.test/rmse"] == mine["test/rmse"] == shop.result.metrics["test/rmse"]
    assert mine["params.model.units"] == "[3]"
    sold = set(rx.runs("params.data.target = 'sold'", uri=shop.uri)["run_id"])
    assert chain.run_id in sold
    assert shop.run_id not in sold
    own = frame[frame["experiment"] == "csv"]["run_id"]
    assert set(rx.runs(experiment="csv", uri=shop.uri)["run_id"]) == set(own)
    assert rx.runs(experiment="other", uri=shop.uri).empty
    assert shop.run_id in set(rx.runs(tags={"rnnexp.outcome": "ok"}, uri=shop.uri)["run_id"])
    assert rx.runs(tags={"rnnexp.outcome": "failed"}, uri=shop.uri).empty
    assert len(rx.runs(uri=shop.uri, limit=1)) == 1
    with pytest.raises(rx.ConfigError, match="no sweep is tracked here"):
        rx.runs(sweep="none", uri=shop.uri)


def test_where_nothing_is_tracked_the_table_is_empty_and_has_its_columns() -> None:
    assert list(rx.runs().columns)[:4] == ["run_id", "name", "experiment", "sweep"]


def reviews() -> pd.DataFrame:
    """Return texts in two columns, the label of which is plain."""
    words = {"good": "fine lovely warm bright", "bad": "dull cold bitter grey"}
    rows = [(word, f"so {word}, he said", label) for label, text in words.items() for word in text.split() * 4]
    return pd.DataFrame(rows, columns=["Title", "Body text", "Verdict"])


@pytest.fixture(scope="module")
def labeled(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("reviews")
    reviews().to_csv(folder / "reviews.csv", index=False)
    columns = {"path": folder / "reviews.csv", "text": ["Title", "Body text"], "label": "Verdict"}
    small = {"trainer": {"epochs": 2}, "model": {"name": "gru", "units": [2]}}
    where = {"tracking": {"uri": uri, "figures": False}}
    result = rx.run("data=text_table", data=columns, **small, **where, run_dir=folder / "run", quiet=True)
    return Done(uri, result, folder / "reviews.csv")


def test_texts_are_read_from_the_users_own_columns(labeled: Done, said: Say) -> None:
    model, rows = loaded(labeled), reviews()
    found = model.predict(rows)
    said(labeled, "predict", labeled.run_id, str(labeled.file), "-o", "answer.parquet")
    expected = pd.read_parquet("answer.parquet")
    assert list(found.columns) == list(expected.columns) == ["example", "text", "label", "p(bad)", "p(good)"]
    pd.testing.assert_frame_equal(found.drop(columns="example"), expected.drop(columns="example"), check_exact=True)
    joined = [f"{title} {body}" for title, body in zip(rows["Title"], rows["Body text"])]
    for same in (joined, pd.DataFrame({"text": joined}), pd.Series(joined)):
        pd.testing.assert_frame_equal(model.predict(same), found)
    assert not model.predict(rows.assign(Title="dull"))["p(bad)"].equals(found["p(bad)"])  # the negative control
    with pytest.raises(rx.DataError, match="there is no column `Body text`, but Title, Body; did you mean `Body"):
        model.predict(rows.rename(columns={"Body text": "Body"})[["Title", "Body"]])


def test_a_table_of_texts_is_scored_as_its_file_is(labeled: Done, said: Say) -> None:
    rows = reviews().sample(20, random_state=0)
    rows.to_csv("given.csv", index=False)
    whole = json.loads(said(labeled, "evaluate", labeled.run_id, "--data", "given.csv", "--json"))
    assert dict(loaded(labeled).evaluate(rows).metrics) == whole["metrics"]
    with pytest.raises(rx.DataError, match='the rows: data.label: there is no column "Verdict"'):
        loaded(labeled).evaluate(rows.drop(columns="Verdict"))
    with pytest.raises(rx.ConfigError, match="is scored on files that its source reads, not on a list: give a path"):
        loaded(labeled).evaluate(list(rows["Title"]))


def test_a_served_model_of_texts_asks_for_the_users_own_columns(labeled: Done) -> None:
    model = served(labeled)
    assert model.metadata.signature.inputs.input_names() == ["Title", "Body text"]
    expected = loaded(labeled).predict(reviews())
    pd.testing.assert_frame_equal(model.predict(reviews()), expected[["label", "p(bad)", "p(good)"]])
