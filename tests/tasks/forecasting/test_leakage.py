"""The leakage guard: silent on clean datasets, and each planted leak is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rnnexp.data.dataset import Part
from rnnexp.data.sources.synthetic import random
from rnnexp.tasks import check_leakage, load
from rnnexp.tasks.forecasting.scalers import Chain


@pytest.fixture
def clean(make):
    return make.load(make.series(60, 50, columns=2), target="a", known=["b"], sequence_length=5, horizon=2)


def with_part(dataset, name, indices):
    part = replace(dataset.parts[name], indices=np.asarray(indices, np.int32))
    return replace(dataset, parts={**dataset.parts, name: part})


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"layout": "sequence"},
        {"strategy": "recursive"},
        {"folds": 4, "fold": 2},
        {"split": "none"},
        {"scaler": ["log", "difference", "standard"]},
        {"scaler": ["seasonal_difference", "robust", "last"], "season": 4},
        {"per_series": True},
    ],
    ids=str,
)
@pytest.mark.fault("E13")
def test_clean_datasets_have_no_leak(make, fields):
    assert check_leakage(make.load(make.series(90, 80), sequence_length=4, horizon=2, **fields)) == []


@pytest.mark.fault("E13")
def test_a_scaler_fitted_on_all_rows_is_found(clean):
    (step,) = clean.pipeline.chain.steps
    everything = replace(step, shift=clean.table.mean(axis=0)[None], scale=clean.table.std(axis=0)[None])
    leaky = replace(clean, pipeline=replace(clean.pipeline, chain=Chain((everything,))))
    assert check_leakage(leaky) == ["the scaler `standard` was not fitted on the training rows alone"]


@pytest.mark.fault("E13")
def test_training_windows_with_later_targets_are_found(clean):
    last = clean.starts("train").max()
    leaky = with_part(clean, "train", [*clean.starts("train"), last + 1])
    assert "1 windows of train have targets outside it, the first from row" in check_leakage(leaky)[0]


@pytest.mark.fault("E13")
def test_a_window_that_crosses_into_the_next_series_is_found(clean):
    leaky = with_part(clean, "test", [*clean.starts("test"), 57])
    assert any("1 windows of test run into the next series, the first from row 57" in x for x in check_leakage(leaky))


@pytest.mark.fault("E13")
def test_parts_out_of_time_order_are_found(clean):
    swapped = {**clean.parts, "train": clean.parts["test"], "test": clean.parts["train"]}
    borders = {**clean.borders, "train": clean.borders["test"], "test": clean.borders["train"]}
    leaks = check_leakage(replace(clean, parts=swapped, borders=borders))
    assert "val begins before train has ended in series `s0`: not in time order" in leaks


@pytest.mark.fault("E13")
def test_shuffled_windows_are_found(clean):
    leaky = with_part(clean, "val", clean.starts("val")[::-1])
    assert check_leakage(leaky) == ["the windows of val are not in time order"]


@pytest.mark.fault("E13")
def test_a_shuffled_fold_is_found(clean):
    chosen = np.sort(np.random.default_rng(0).permutation(clean.starts("train"))[:20])
    rest = np.setdiff1d(clean.starts("train"), chosen)
    both = with_part(with_part(clean, "train", rest), "val", chosen)
    borders = {**both.borders, "val": both.borders["train"]}
    assert any("val begins before train has ended" in x for x in check_leakage(replace(both, borders=borders)))


@pytest.mark.fault("E13")
def test_a_target_among_the_inputs_of_the_same_row_is_found(clean):
    leaky = replace(clean, pipeline=replace(clean.pipeline, columns=("a", "a")))
    assert "the target `a` is also an input of the same row" in check_leakage(leaky)


@pytest.mark.fault("E13")
def test_a_copy_of_the_target_under_another_name_is_found(make):
    data = make.series(60, columns=2)
    data.values[:, 1] = data.values[:, 0]
    assert check_leakage(make.load(data, target="a", known=["b"])) == ["the column `b` is a copy of the target `a`"]


@pytest.mark.fault("E13")
def test_steps_after_the_training_part_are_found_even_without_weight(make):
    dataset = make.load(make.series(60), sequence_length=4, layout="sequence")
    test = dataset.parts["test"].arrays
    weight = np.zeros_like(test["weight"])
    weight[:, : dataset.summary.sizes["train"]] = 1
    part = Part({**test, "weight": weight}, dataset.parts["train"].indices)
    leaky = replace(dataset, parts={**dataset.parts, "train": part})
    assert check_leakage(leaky) == ["18 steps of the training sequences lie after the training set"]


@pytest.mark.fault("E13")
def test_independent_examples_in_two_parts_are_found():
    dataset = load(random())
    assert check_leakage(dataset) == []
    leaky = with_part(dataset, "test", dataset.parts["train"].indices[:3])
    assert "3 examples are in train and in test" in check_leakage(leaky)[0]


@pytest.mark.fault("E13")
def test_inputs_standardized_with_test_examples_are_found():
    dataset = load(random(scaler="standard"))
    assert check_leakage(dataset) == []
    leaky = replace(dataset, parts={**dataset.parts, "train": dataset.parts["test"]})
    assert "the scaler `standard` was not fitted on the training examples alone" in check_leakage(leaky)
