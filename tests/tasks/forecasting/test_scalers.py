"""Scalers: exact parameters, exact way back, training rows only."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from rnnexp.errors import DataError
from rnnexp.tasks.forecasting import scalers

CHAINS = [
    [],
    ["standard"],
    ["minmax"],
    ["range"],
    ["robust"],
    ["log", "standard"],
    ["difference", "minmax"],
    ["seasonal_difference", "standard"],
    ["log", "difference", "seasonal_difference", "robust"],
    ["difference", "difference"],
    ["log", "seasonal_difference", "standard", "last"],
    ["standard", "instance"],
]


def fit(values, names, train, **more):
    table = np.asarray(values, float)
    columns = tuple("abc"[: table.shape[1]])
    more = {"targets": table.shape[1], "offsets": np.array([0, len(table)]), "ids": ("s",), **more}
    return scalers.fit(names, scalers.Fit(table, columns, rows=np.asarray(train), **more))


@pytest.mark.parametrize("names", CHAINS, ids="+".join)
@pytest.mark.parametrize("horizon", [1, 7])
def test_every_chain_is_undone_exactly_also_beyond_a_season(make, names, horizon):
    dataset = make.load(
        make.wavy(120, columns=2), target=["a", "b"], sequence_length=6, horizon=horizon, season=5,
        scaler=names or "none",
    )  # fmt: skip
    part = dataset.parts["test"]
    _, y, _ = dataset.batch(part.arrays, part.indices)
    predictions = dataset.restore("test", y)
    np.testing.assert_allclose(predictions.predicted, predictions.actual, rtol=1e-5)
    np.testing.assert_allclose(*predictions.scaled, atol=1e-5)
    assert not np.allclose(dataset.restore("test", y + 0.1).predicted, predictions.actual, rtol=1e-5)


@limits(max_examples=40, deadline=None, derandomize=True)
@given(
    names=st.lists(st.sampled_from(["standard", "minmax", "robust", "difference", "seasonal_difference"]), max_size=4),
    horizon=st.integers(1, 9),
)
def test_any_chain_of_scalers_is_undone(names, horizon):
    values = np.random.default_rng(3).random((60, 2)).cumsum(axis=0)
    chain, scaled, _ = fit(values, names, [[0, 40]], season=4)
    restored = chain.undo(scaled[None, 45 : 45 + horizon], values[None, 45 - chain.lost : 45], np.array([0]))
    np.testing.assert_allclose(restored[0], values[45 : 45 + horizon], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "shift", "scale"),
    [("standard", 2.5, np.sqrt(1.25)), ("minmax", 1, 3), ("range", 0, 3), ("robust", 2.5, 1.5)],
)
def test_parameters_come_from_the_training_rows(name, shift, scale):
    chain, scaled, _ = fit([[1.0], [2], [3], [4], [100]], [name], [[0, 4]])
    np.testing.assert_allclose([chain.steps[0].shift[0, 0], chain.steps[0].scale[0, 0]], [shift, scale])
    np.testing.assert_allclose(scaled[4, 0], (100 - shift) / scale)


@pytest.mark.fault("E13")
def test_rows_after_the_training_part_do_not_move_a_scaler(make):
    first, later = make.wavy(60), make.wavy(60)
    later.values[45:] += 1000
    chain = ["difference", "standard"]
    assert make.load(first, scaler=chain).scaling == make.load(later, scaler=chain).scaling
    later.values[5] += 1000
    assert make.load(first, scaler=chain).scaling != make.load(later, scaler=chain).scaling


@pytest.mark.parametrize("name", scalers.AFFINE)
@pytest.mark.fault("E8")
def test_a_constant_column_is_divided_by_1_and_noted(name):
    chain, scaled, notes = fit([[0.1, 1.0], [0.1, 2], [0.1, 3]], [name], [[0, 3]])
    assert chain.steps[0].scale[0, 0] == 1
    assert np.isfinite(scaled).all()
    assert notes == [f"column `a` has no spread in the training set: `{name}` divides it by 1"]


def test_scalers_of_each_series_or_of_all(make):
    data = make.series(30, 30)
    alone = make.load(data, per_series=True, sequence_length=4)
    together = make.load(data, sequence_length=4)
    assert np.shape(alone.scaling["chain"][0]["shift"]) == (2, 1)
    assert np.shape(together.scaling["chain"][0]["shift"]) == (1, 1)
    for dataset in (alone, together):
        part = dataset.parts["test"]
        predictions = dataset.restore("test", dataset.batch(part.arrays, part.indices)[1])
        np.testing.assert_allclose(predictions.predicted, predictions.actual, rtol=1e-5)


def test_features_are_scaled_but_not_differenced(make):
    data = make.series(30, columns=2)
    dataset = make.load(data, target="a", features=["b"], sequence_length=2, scaler=["log", "difference"], split="none")
    x, _, _ = dataset.batch(dataset.parts["train"].arrays, dataset.parts["train"].indices)
    np.testing.assert_allclose(x[0, :, 1], [2.1, 3.1], rtol=1e-6)
    np.testing.assert_allclose(x[0, :, 0], np.log([2 / 1, 3 / 2]), rtol=1e-6)


def test_the_logarithm_of_zero_names_column_and_row(make):
    data = make.wavy(40, columns=2)
    data.values[17, 1] = 0
    with pytest.raises(DataError, match=r"`log` needs values above 0: column `b` has 0 in row 18 \(the first of 1\)"):
        make.load(data, target=["a", "b"], scaler="log")


def test_the_logarithm_names_the_series_among_many(make):
    data = make.series(40, 40)
    data.values[50] = -1
    with pytest.raises(DataError, match=r"series `s1`: .* column `a` has -1 in row 11"):
        make.load(data, scaler="log")


def test_a_seasonal_difference_without_a_season_asks_for_it(make):
    with pytest.raises(DataError, match="seasonal_difference` needs a season: the data do not tell; give data.season"):
        make.load(make.wavy(40), scaler="seasonal_difference")


def test_a_chain_survives_json_to_the_last_bit():
    values = np.random.default_rng(0).random((30, 1)) + 1
    chain, scaled, _ = fit(values, ["log", "difference", "standard"], [[0, 20]])
    again = scalers.from_json(json.loads(json.dumps(chain.to_json())))
    assert np.array_equal(again.apply(values[None], np.array([0]))[0], scaled, equal_nan=True)


def test_a_wild_output_in_logarithms_is_infinity_without_a_warning():
    chain, _, _ = fit([[1.0], [2]], ["log"], [[0, 2]])
    assert np.isinf(chain.undo(np.full((1, 1, 1), 5000.0), np.ones((1, 0, 1)), np.array([0]))).all()


def test_a_series_without_training_rows_is_named_where_each_has_its_own_scaler():
    with pytest.raises(DataError, match="series `t`: data.scaler `standard`: the training set has no row"):
        fit(
            np.ones((6, 1)),
            ["standard"],
            [[0, 3], [3, 3]],
            offsets=np.array([0, 3, 6]),
            ids=("s", "t"),
            per_series=True,
        )
