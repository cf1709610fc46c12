"""Columns that become series of their own, forecast by one network."""

from __future__ import annotations

import numpy as np
import pytest

from rnnexp.errors import DataError
from rnnexp.tasks.forecasting.preprocess import Preprocessor

SPLIT = {"train": 8, "val": 2, "test": 2}
SMALL = {"sequence_length": 3, "split": SPLIT, "columns_as_series": True}


def test_each_target_column_becomes_a_series(make):
    dataset = make.load(make.series(12, columns=2), target=["a", "b"], **SMALL)
    assert (dataset.history.ids, dataset.spec.targets) == (("a", "b"), ("value",))
    assert dataset.spec.inputs["past"].shape == (3, 1)
    assert np.array_equal(dataset.history.values.ravel(), np.r_[np.arange(1, 13), np.arange(1, 13) + 0.1])


def test_other_columns_and_the_dates_are_repeated_beside_each(make):
    data = make.series(12, columns=3, frequency="D")
    dataset = make.load(data, target=["b", "a"], known=["c"], calendar=["dayofweek"], **SMALL)
    assert dataset.history.ids == ("b", "a")
    assert np.array_equal(dataset.table[:12, 1], dataset.table[12:, 1])
    assert np.array_equal(dataset.history.time[:12], dataset.history.time[12:])
    assert dataset.spec.inputs["future"].shape == (1, 3)


def test_columns_of_several_series_keep_the_name_of_theirs(make):
    dataset = make.load(make.series(12, 13, columns=2), target=["a", "b"], **SMALL)
    assert dataset.history.ids == ("s0/a", "s0/b", "s1/a", "s1/b")
    assert dataset.history.lengths().tolist() == [12, 12, 13, 13]
    assert dataset.history.values[[12, 24, 37], 0].tolist() == [1.1, 13.0, 13.1]


def test_scalers_can_be_fitted_to_each_column(make):
    apart, shared = (
        make.load(make.series(12, columns=2), target=["a", "b"], per_series=each, **SMALL) for each in (True, False)
    )
    scaled = [one.parts["train"].arrays["values"] for one in (apart, shared)]
    assert np.allclose(scaled[0][:12], scaled[0][12:])
    assert not np.allclose(scaled[1][:12], scaled[1][12:])


def test_an_unknown_column_is_an_error_as_ever(make):
    with pytest.raises(DataError, match="there is no column `z`"):
        make.load(make.series(12, columns=2), target=["a", "z"], **SMALL)


def test_serving_takes_a_table_that_names_the_column_of_each_row(make):
    dataset = make.load(make.series(12, columns=2), target=["a", "b"], per_series=True, **SMALL)
    frame = dataset.example()
    assert (list(frame.columns), set(frame["unique_id"])) == (["unique_id", "value"], {"a"})
    x, context = Preprocessor.from_json(dataset.scaling).prepare(frame)
    assert context.ids == ("a",)
    assert np.allclose(x[0], dataset.parts["test"].arrays["values"][9:12])
    other, _ = Preprocessor.from_json(dataset.scaling).prepare(frame.replace("a", "b"))
    assert not np.allclose(other, x)
