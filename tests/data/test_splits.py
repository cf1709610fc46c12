"""Splits: which rows are whose, by fractions, counts and dates, with gaps and folds."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rnnexp.data.splits import Split, after, borders
from rnnexp.errors import DataError


def rows(make, data, **fields):
    source = make.source(given=data, **fields)
    assert source.check() == []
    return {name: own.tolist() for name, own in borders(source, data).items()}


def test_fractions_keep_time_order(make):
    assert rows(make, make.series(20)) == {"train": [[0, 14]], "val": [[14, 17]], "test": [[17, 20]]}


def test_fractions_apply_to_each_series(make):
    split = {"train": 0.5, "val": 0, "test": 0.5}
    assert rows(make, make.series(10, 4), split=split) == {
        "train": [[0, 5], [10, 12]],
        "test": [[5, 10], [12, 14]],
    }


def test_no_row_is_lost_to_rounding(make):
    split = {"train": 0.29, "val": None, "test": 0.71}
    assert rows(make, make.series(100), split=split)["train"] == [[0, 29]]


def test_row_counts_leave_further_rows_unused(make):
    split = {"train": 5, "val": 2, "test": 3}
    assert rows(make, make.series(12), split=split) == {"train": [[0, 5]], "val": [[5, 7]], "test": [[7, 10]]}


def test_a_test_part_of_null_takes_what_is_left(make):
    split = {"train": 5, "val": 2, "test": None}
    assert rows(make, make.series(12), split=split)["test"] == [[7, 12]]


@pytest.mark.fault("E14")
def test_more_counts_than_rows_is_an_error(make):
    with pytest.raises(DataError, match="data.split asks for 13 rows; series `s0` has 12"):
        rows(make, make.series(12), split={"train": 8, "val": 2, "test": 3})


@pytest.mark.fault("E14")
def test_a_gap_is_left_out_between_the_parts(make):
    split = {"train": 5, "val": 2, "test": 3, "gap": 1}
    assert rows(make, make.series(12), split=split) == {"train": [[0, 5]], "val": [[6, 8]], "test": [[9, 12]]}
    split = {"train": 0.5, "val": 0.25, "test": 0.25, "gap": 2}
    assert rows(make, make.series(16), split=split) == {
        "train": [[0, 8]],
        "val": [[10, 12]],
        "test": [[14, 16]],
    }


def test_dates_are_inclusive(make):
    split = {"train": "2020-01-05", "val": "2020-01-07", "test": "2020-01-09"}
    data = make.series(12, frequency="D")
    assert rows(make, data, split=split) == {"train": [[0, 5]], "val": [[5, 7]], "test": [[7, 9]]}


def test_a_month_as_last_date_ends_with_its_last_hour(make):
    data = make.series(24 * 60, frequency="h")
    found = rows(make, data, split={"train": "2020-01", "val": None, "test": None})
    assert found == {"train": [[0, 24 * 31]], "test": [[24 * 31, 24 * 60]]}
    assert after("2020-01-31 18:00") == np.datetime64("2020-01-31T18:01")


def test_dates_for_data_without_dates_are_an_error(make):
    with pytest.raises(DataError, match="given in dates, but series `s0` has none: give data.time, or row counts"):
        rows(make, make.series(12), split={"train": "2020", "val": None, "test": None})


def test_no_split_trains_on_everything_and_says_so(make):
    dataset = make.load(make.series(12), sequence_length=3, split="none")
    assert (list(dataset.parts), dataset.scored, len(dataset.parts["train"])) == (["train"], "train", 9)


@pytest.mark.parametrize(("fold", "train", "val"), [(1, [0, 4], [4, 8]), (2, [0, 8], [8, 12]), (3, [0, 12], [12, 16])])
def test_folds_roll_forward_and_leave_the_test_part_alone(make, fold, train, val):
    found = rows(make, make.series(20), split={"train": 12, "val": 4, "test": 4}, folds=3, fold=fold)
    assert found == {"train": [train], "val": [val], "test": [[16, 20]]}


def test_folds_keep_the_gap(make):
    split = {"train": 16, "val": 0, "test": 3, "gap": 1}
    found = rows(make, make.series(20), split=split, folds=3, fold=2)
    assert found == {"train": [[0, 8]], "val": [[9, 12]], "test": [[17, 20]]}


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ({"train": 0.7, "val": 0.1, "test": 0.1}, r"the fractions add up to 0.9, not to 1"),
        ({"train": 1.7, "val": -0.7, "test": None}, r"data.split.train: 1.7 is not a fraction from 0 to 1"),
        (
            {"train": 10, "val": 0.1, "test": 3},
            r"give all fractions, all numbers of rows, or all dates \(the last ones: ",
        ),
        ({"train": 10, "val": -1, "test": 3}, r"data.split.val: -1 is not a number of rows"),
        (
            {"train": 0.8, "val": 0.2, "test": 0},
            r"data.split.test: 0 leaves nothing to score; use `split: none`",
        ),
        ({"train": "2020-13", "val": None, "test": None}, r"data.split.train: `2020-13` is not a date"),
        ({"train": "2020", "val": "2019", "test": None}, r"must come one after another"),
    ],
)
@pytest.mark.fault("E14")
def test_impossible_splits_are_told_before_data_are_read(split, message):
    problem = Split(**split).mistakes()[0]
    assert re.search(message, problem)


def test_the_usual_split_has_no_mistakes():
    assert Split().mistakes() == []


def test_a_training_part_of_null_ends_where_the_others_begin_in_series_of_any_length(make):
    split = {"train": None, "val": 2, "test": 3, "gap": 1}
    assert rows(make, make.series(12, 9), split=split) == {
        "train": [[0, 5], [12, 14]],
        "val": [[6, 8], [15, 17]],
        "test": [[9, 12], [18, 21]],
    }
    assert rows(make, make.series(12), split={"train": None, "val": 0, "test": 3})["train"] == [[0, 9]]


@pytest.mark.fault("E14")
def test_a_series_that_leaves_nothing_to_train_on_is_named(make):
    with pytest.raises(DataError, match="nothing to train on: 5 rows are held out; series `s1` has 5"):
        rows(make, make.series(6, 5), split={"train": None, "val": 2, "test": 3})


@pytest.mark.parametrize("other", [{"val": 0.1, "test": 0.2}, {"val": 2, "test": None}, {"val": None, "test": "2024"}])
def test_a_training_part_of_null_needs_numbers_of_rows(make, other):
    source = make.source(given=make.series(12), split={"train": None, **other})
    assert "data.split.train: null goes with numbers of rows for val and test" in source.check()
