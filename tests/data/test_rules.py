"""Mistakes between the fields of a source."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from rnnexp.data.rules import find_ensemble_mistakes
from rnnexp.data.sources.synthetic import random


def problems(make, **fields):
    return make.source(given=None, **fields).check()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"folds": 3, "fold": 4}, "data.fold: 4 is more than data.folds=3"),
        ({"fold": 2}, "data.fold: 2 is given without data.folds"),
        (
            {"folds": 3, "split": "none"},
            "data.folds: needs a test set outside the folds, but data.split is none",
        ),
        (
            {"scaler": ["instance", "standard"]},
            "data.scaler: `instance` works on each window and must come last in instance, standard",
        ),
        ({"scaler": ["minmax", "minmax"]}, "data.scaler: `minmax` is given twice"),
        (
            {"scaler": ["standard", "log"]},
            "data.scaler: `log` must come first, it needs values above 0; standard comes before it",
        ),
        ({"target": "y", "features": ["y"]}, "data.features: `y` is the target; its past is an input anyway"),
        ({"target": "y", "features": ["z"], "known": ["z"]}, "data.known: `z` is also in data.features"),
        ({"target": []}, "data.target: an empty list leaves nothing to forecast"),
        (
            {"strategy": "recursive", "features": ["z"]},
            "data.strategy: recursive needs the next row of every input; data.features end with the past; "
            "use direct, or move them to data.known",
        ),
        (
            {"strategy": "recursive", "layout": "sequence"},
            "data.strategy: recursive needs data.layout=windows",
        ),
        (
            {"stride": 2, "layout": "sequence"},
            "data.stride: 2 has no meaning with data.layout=sequence, which takes every row",
        ),
        (
            {"forecast_from": [1, 2]},
            "data.forecast_from: 2 values; data.sequence_length is 10",
        ),
        (
            {"forecast_from": [1.0] * 10, "calendar": ["month"]},
            "data.forecast_from: cannot be used with data.calendar",
        ),
    ],
)
def test_mistakes_are_told_by_key(make, fields, message):
    assert problems(make, **fields) == [message]


def test_all_mistakes_are_told_together(make):
    assert len(problems(make, fold=2, stride=2, layout="sequence", forecast_from=[1.0])) == 3


def test_the_defaults_have_no_mistakes(make):
    assert problems(make) == []


def test_independent_sequences_cannot_be_split_by_date():
    (problem,) = random(split={"train": "2020", "val": None, "test": None}).check()
    assert problem == "data.split: independent examples have no dates; give fractions or numbers of examples"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"scaler": ["log", "difference", "standard"], "horizon": 3},
            "data.scaler: log, difference, standard adds up logarithms over data.horizon=3, whose exponentials are "
            "averaged; leave out log, or set ensemble=1",
        ),
        (
            {"scaler": ["log", "instance"]},
            "data.scaler: log, instance scales logarithms by each window, of which a mean of exponentials cannot take "
            "account; leave out log, or set ensemble=1",
        ),
        (
            {"scaler": ["log", "standard", "last"], "per_series": True},
            "data.scaler: log, standard, last scales the logarithms of each series by itself (data.per_series); leave "
            "out log, or set ensemble=1",
        ),
    ],
)
def test_forecasts_that_have_no_mean_within_a_network_are_told(make, fields, message):
    assert find_ensemble_mistakes(make.source(given=None, **fields)) == [message]


@pytest.mark.parametrize(
    "fields",
    [
        {"scaler": ["difference", "standard"], "horizon": 3},
        {"scaler": ["standard", "instance"], "per_series": True},
        {"scaler": ["log", "difference", "standard"]},
        {"scaler": ["log", "difference"], "horizon": 3, "strategy": "recursive"},
        {"scaler": ["log", "last"], "horizon": 3, "per_series": True},
    ],
)
def test_a_shift_and_a_scale_are_no_obstacle_to_a_mean(make, fields):
    assert find_ensemble_mistakes(make.source(given=None, **fields)) == []


@pytest.mark.parametrize("fields", [{"horizon": 0}, {"split": {"trian": 0.5}}, {"scaler": "log2"}, {"season": 1}])
def test_wrong_values_are_refused_at_once(make, fields):
    with pytest.raises(ValidationError, match=next(iter(fields))):
        make.source(given=None, **fields)


def test_a_split_may_be_a_mapping_as_yaml_gives_it(make):
    assert make.source(given=None, split={"train": 5, "val": 2, "test": 1}).split.kind() == "counts"
