"""A tutorial's example: numbers in the command to learn from, and numbers in the command to go on from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_runs import TINY, Done, Rows, Say

import rnnexp as rx
from rnnexp.cli.main import main
from rnnexp.errors import DataError
from rnnexp.tracking.pyfunc import Served

TENS = "data.values=[10,20,30,40,50,60,70,80,90]"


@pytest.fixture(scope="module")
def tens(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Done:
    words = (TENS, "data.sequence_length=3", "data.horizon=2", "data.split={train:7,val:0,test:2}")
    experiment = rx.compose(*words, f"tracking.uri={uri}", *TINY)
    return Done(uri, rx.run(experiment, tmp_path_factory.mktemp("tens") / "run"), Path())


def test_numbers_are_continued_as_those_of_a_file(tens: Done, predicted: Rows) -> None:
    pd.DataFrame({"value": [70, 80, 90]}).to_csv("last.csv", index=False)
    of_file = predicted(tens, tens.run_id, "last.csv")
    assert predicted(tens, tens.run_id, "--values", "70,80,90") == of_file == predicted(tens, tens.run_id)
    assert [row["step"] for row in of_file] == [1, 2]
    assert predicted(tens, tens.run_id, "--values", "70,80,95") != of_file


@pytest.mark.parametrize("written", ["70, 80, 90", "70 80 90", "[70,80,90]", "1,2,70,80,90", "7e1,80.0,+90"])
def test_numbers_are_written_in_many_ways(written: str, tens: Done, predicted: Rows) -> None:
    assert predicted(tens, "--values", written, tens.run_id) == predicted(tens, tens.run_id)


def test_numbers_below_0_are_no_options(tens: Done, predicted: Rows) -> None:
    first = predicted(tens, tens.run_id, "--values", "-1,-.5,2")
    assert first == predicted(tens, tens.run_id, "--values=-1,-0.5,2")
    assert first != predicted(tens, tens.run_id, "--values", "1,-.5,2")


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("70,x,90", "`x` is not a number; write them as 70,80.5,90"),
        ("70,,90", "a number is missing; write them as 70,80.5,90"),
        ("", "a number is missing"),
        ("70,nan,90", "`nan` is not a finite number"),
        ("70,1e999,90", "`1e999` is not a finite number"),
    ],
)
def test_what_is_no_number_is_refused(written: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["predict", "any", "--values", written])
    assert message in " ".join(capsys.readouterr().err.split())


def test_too_few_numbers_are_counted(tens: Done, said: Say) -> None:
    text = said(tens, "predict", tens.run_id, "--values", "80,90", code=3)
    assert "--values: 2 observed rows; one forecast needs 3" in text


@pytest.mark.parametrize(("more", "beside"), [(["a.csv"], "a.csv"), (["--data", "missing=drop"], "--data")])
def test_numbers_stand_alone(more: list[str], beside: str, tens: Done, said: Say) -> None:
    text = said(tens, "predict", tens.run_id, "--values", "70,80,90", *more, code=2)
    assert f"--values: are given beside {beside}; give one of them" in text


def test_a_model_of_more_than_a_column_of_numbers_says_what_it_takes(shop: Done, chain: Done, said: Say) -> None:
    text = said(shop, "predict", shop.run_id, "--values", "1,2,3", code=3)
    assert "--values: the model takes 2 columns, sales, price; give a table of them" in text
    assert "takes 2 columns, sold, open" in said(chain, "predict", chain.run_id, "--values", "1,2,3", code=3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("data.time=ds", "data.calendar=[dayofweek]"), "numbers have no dates, which the calendar of the model needs"),
        (("data.series=shop", "data.per_series=true"), "each series has its own scaler"),
    ],
)
def test_numbers_that_lack_what_a_model_needs_are_refused(words: tuple[str, ...], message: str, said: Say) -> None:
    days = [f"2024-01-{day:02}" for day in range(1, 21)]
    rows = [(shop, day, 7.0 * number) for number, shop in enumerate("ab") for day in days]
    frame = pd.DataFrame(rows, columns=["shop", "ds", "sold"])
    (frame if "data.series=shop" in words else frame[:20]).to_csv("sold.csv", index=False)
    result = rx.run(rx.compose("data=csv", "data.path=sold.csv", "data.target=sold", *words, *TINY))
    done = Done("sqlite:///mlflow.db", result, Path("sold.csv"))
    assert message in said(done, "predict", done.run_id, "--values", ",".join("123456789012"), code=3)


def test_a_sequence_of_numbers_is_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    result = rx.run(
        rx.compose("data=random", "data.sequence_length=3", *TINY, "tracking=off", "tracking.figures=false")
    )
    x = np.array([0.1, 0.5, 0.9])
    np.savez("one.npz", x=x[None, :, None])
    answers = []
    for words in (["--values", "0.1,0.5,0.9"], ["one.npz"]):
        assert main(["predict", str(result.run_dir), *words, "--json"]) == 0
        answers.append(json.loads(capsys.readouterr().out)["rows"][0]["target_0"])
    assert answers[0] == answers[1]


@pytest.mark.parametrize("kind", ["list", "array", "column", "series", "table"])
def test_a_served_model_takes_the_numbers_alone(kind: str, tens: Done) -> None:
    from rnnexp.models import bundle

    model = Served(bundle.load(tens.result.run_dir / "model"))
    numbers = [70.0, 80.0, 90.0]
    given = {
        "list": numbers,
        "array": np.array(numbers),
        "column": np.array(numbers)[:, None],
        "series": pd.Series(numbers, name="x"),
        "table": pd.DataFrame({"value": numbers}),
    }[kind]
    assert model.predict(given)["value"].tolist() == pytest.approx(tens.result.forecast[0, :, 0], rel=1e-6)
    for wrong in ([], [[1, 2], [3, 4]], 5.0, "70,80,90"):
        with pytest.raises(DataError, match="^the rows"):
            model.predict(wrong)
