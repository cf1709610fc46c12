"""Serving a model on raw rows does what the dataset did in training."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from rnnexp.errors import DataError
from rnnexp.tasks.forecasting.preprocess import Preprocessor

FIELDS = [
    {"scaler": "none"},
    {"scaler": "standard"},
    {"scaler": ["log", "difference", "standard", "last"]},
    {"scaler": ["seasonal_difference", "minmax"], "season": 3},
    {"scaler": ["standard", "instance"]},
    {"calendar": ["month", "dayofweek"]},
    {"strategy": "recursive", "scaler": ["difference", "instance"]},
]


def serving(dataset):
    return Preprocessor.from_json(json.loads(json.dumps(dataset.scaling)))


def network(x):
    """Stand in for a model: an answer that depends on every number it is shown."""
    past = x["past"] if isinstance(x, dict) else x
    extra = x["future"].sum(axis=(1, 2)) if isinstance(x, dict) else 0
    return past.mean(axis=(1, 2)) + past[:, -1, 0] + extra


@pytest.mark.parametrize("fields", FIELDS, ids=str)
def test_rows_before_a_test_window_give_its_input_and_its_forecast(make, fields):
    data = make.series(60, frequency="D")
    dataset = make.load(data, sequence_length=6, horizon=3, **fields)
    part, preprocessor = dataset.parts["test"], serving(dataset)
    start, steps = part.indices[2], dataset.spec.output_shape[0]

    def predict(x):
        return np.repeat(network(x)[:, None, None], steps, axis=1)

    frame = pd.DataFrame({"a": data.values[: start + 6, 0], "time": data.time[: start + 6]})
    x, context = preprocessor.prepare(frame)
    expected = dataset.batch(part.arrays, part.indices)[0]
    for one, other in zip(_leaves(x), _leaves(expected)):
        np.testing.assert_array_equal(one[0], other[2])
    served = preprocessor.restore(preprocessor.roll(predict, context), context)
    trained = dataset.restore("test", dataset.roll(predict, part.arrays, part.indices)).predicted
    np.testing.assert_allclose(served[0], trained[2], rtol=1e-9)
    assert served.shape == (1, 3, 1)
    assert not np.allclose(served[0], trained[3], rtol=1e-9)


def _leaves(x):
    return list(x.values()) if isinstance(x, dict) else [x]


def test_a_sequence_model_is_served_on_all_rows_and_answers_at_the_last(make):
    data = make.series(40)
    dataset = make.load(data, sequence_length=3, horizon=2, layout="sequence")
    preprocessor = serving(dataset)
    x, context = preprocessor.prepare(pd.DataFrame({"a": data.values[:, 0]}))
    assert x.shape == (1, 38, 3)
    outputs = np.zeros((1, 38, 2, 1))
    outputs[:, -1] = 1
    answer = dataset.pipeline.chain.undo(np.ones((1, 2, 1)), data.values[None], np.array([0]))
    np.testing.assert_allclose(preprocessor.restore(outputs, context), answer)


def test_each_series_gets_one_window_and_its_own_scaler(make):
    data = make.series(30, 40)
    dataset = make.load(data, per_series=True, sequence_length=4)
    frame = pd.DataFrame(
        {"unique_id": ["s1"] * 9 + ["s0"] * 7, "a": np.r_[data.values[61:70, 0], data.values[20:27, 0]]}
    )
    preprocessor = serving(dataset)
    x, context = preprocessor.prepare(frame)
    assert (x.shape, context.ids) == ((2, 4, 1), ("s1", "s0"))
    part = dataset.parts["test"]
    np.testing.assert_array_equal(x[1], dataset.batch(part.arrays, np.array([23]))[0][0])
    np.testing.assert_allclose(preprocessor.restore(x[:, -1:], context)[:, 0, 0], [70, 27], rtol=1e-5)


def test_known_columns_go_on_where_targets_are_empty(make):
    data = make.series(40, columns=3)
    dataset = make.load(data, target="a", features=["b"], known=["c"], sequence_length=4, horizon=2)
    frame = pd.DataFrame(data.values[:30], columns=list("abc"))
    frame.loc[28:, ["a", "b"]] = np.nan
    x, _ = serving(dataset).prepare(frame)
    part = dataset.parts["train"]
    expected, _, _ = dataset.batch(part.arrays, np.array([24]))
    np.testing.assert_array_equal(x["past"], expected["past"])
    np.testing.assert_array_equal(x["future"], expected["future"])


@pytest.mark.parametrize("fields", [{}, {"known": ["b"]}, {"features": ["b"], "calendar": ["hour"]}], ids=str)
def test_the_example_of_a_dataset_can_be_served(make, fields):
    dataset = make.load(make.series(40, columns=2, frequency="h"), target="a", sequence_length=4, **fields)
    x, _ = serving(dataset).prepare(dataset.example())
    assert _leaves(x)[0].shape == (1, *dataset.spec.inputs["past"].shape)


@pytest.mark.fault("E16")
def test_a_misspelled_column_is_named_with_a_suggestion(make):
    dataset = make.load(make.wavy(40), sequence_length=4)
    with pytest.raises(DataError, match=r'the rows: data.target: there is no column "a"; did you mean "A"\?'):
        serving(dataset).prepare(pd.DataFrame({"A": [1.0]}))


def test_too_few_rows_say_how_many_are_needed(make):
    dataset = make.load(make.wavy(40), sequence_length=4, scaler="difference")
    with pytest.raises(DataError, match=r"4 observed rows; one forecast needs 5 \(sequence_length 4, differences 1\)"):
        serving(dataset).prepare(pd.DataFrame({"a": [1.0, 2, 3, 4]}))


def test_a_missing_value_is_named_by_column_and_row(make):
    dataset = make.load(make.wavy(40), sequence_length=4)
    with pytest.raises(DataError, match=r'the rows: column "a": 1 missing value \(row 4\)'):
        serving(dataset).prepare(pd.DataFrame({"a": [1.0, 2, 3, np.nan, 5]}))


def test_text_among_the_numbers_is_refused(make):
    dataset = make.load(make.wavy(40), sequence_length=2)
    with pytest.raises(DataError, match=r'column "a": 1 cell is not a usable number \(row 2 "two"\)'):
        serving(dataset).prepare(pd.DataFrame({"a": ["1", "two"]}))


@pytest.mark.fault("E16")
def test_an_unknown_series_with_scalers_of_their_own_is_refused(make):
    dataset = make.load(make.series(30, 30), sequence_length=2, per_series=True)
    frame = pd.DataFrame({"unique_id": ["s2"] * 3, "a": [1.0, 2, 3]})
    with pytest.raises(DataError, match="series `s2` was not seen in training, its scaler is unknown"):
        serving(dataset).prepare(frame)
    with pytest.raises(DataError, match='there is no column "unique_id" .*, and each series has its own scaler'):
        serving(dataset).prepare(frame[["a"]])


def test_missing_known_columns_ahead_are_counted(make):
    dataset = make.load(make.series(40, columns=2), target="a", known=["b"], sequence_length=2, horizon=3)
    frame = pd.DataFrame({"a": [1.0, 2, 3, np.nan], "b": [1.0, 2, 3, 4]})
    with pytest.raises(DataError, match="b must be given for 3 rows after the last observed one, .*; 1 are there"):
        serving(dataset).prepare(frame)


def test_a_calendar_without_dates_or_with_unsorted_ones_is_refused(make):
    dataset = make.load(make.series(40, frequency="D"), sequence_length=2, calendar=["month"])
    with pytest.raises(DataError, match='there is no column "time", whose dates the model needs'):
        serving(dataset).prepare(pd.DataFrame({"a": [1.0, 2]}))
    with pytest.raises(DataError, match="time goes back once: row 2"):
        serving(dataset).prepare(pd.DataFrame({"a": [1.0, 2], "time": ["2020-01-02", "2020-01-01"]}))


def test_what_follows_the_series_has_dates(make):
    dataset = make.load(make.series(30, frequency="D"), sequence_length=4, horizon=2)
    forecast = dataset.forecast()
    assert forecast.x.shape == (1, 4, 1)
    assert forecast.time.astype("datetime64[D]").astype(str).tolist() == [["2020-01-31", "2020-02-01"]]
    outputs = forecast.roll(lambda x: np.repeat(x[:, -1:], 2, axis=1))
    np.testing.assert_allclose(forecast.restore(outputs)[0, :, 0], [30, 30], rtol=1e-6)


def test_given_values_are_continued_instead(make):
    dataset = make.load(make.series(30), sequence_length=3, forecast_from=[70, 80, 90])
    forecast = dataset.forecast()
    np.testing.assert_allclose(forecast.restore(forecast.x)[0, :, 0], [70, 80, 90], rtol=1e-6)


def test_given_values_must_also_feed_the_differences(make):
    with pytest.raises(DataError, match="data.forecast_from has 3 values; one forecast needs 4"):
        make.load(make.series(30), sequence_length=3, scaler="difference", forecast_from=[70, 80, 90])


def test_nothing_is_forecast_where_known_columns_end(make):
    assert make.load(make.series(30, columns=2), target="a", known=["b"]).forecast() is None
