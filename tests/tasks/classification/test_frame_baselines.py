"""Baselines without order answer the same, bit by bit, whatever the order of the frames is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnexp.data.sources.moving_digits import moving_digits
from rnnexp.tasks import load
from rnnexp.tasks.classification.report import baselines, list_inputs

ORDERLESS = ("mean_frame", "mean_and_deviation", "pca")


@pytest.fixture(scope="module")
def dataset() -> Any:
    return load(moving_digits(pairs=60, size=12))


@pytest.mark.parametrize("name", ORDERLESS)
def test_those_without_order_are_right_about_exactly_one_of_two_clips(dataset: Any, name: str) -> None:
    fitted, asked = baselines(dataset)[name](), list_inputs(dataset, "test")
    found = fitted.predict(asked)
    assert (found.argmax(axis=1) == dataset.truth("test")).mean() == 0.5
    generator = np.random.default_rng(0)
    np.testing.assert_array_equal(found, fitted.predict([one[generator.permutation(len(one))] for one in asked]))


def test_one_in_order_sees_it(dataset: Any) -> None:
    fitted, asked = baselines(dataset)["pca_minirocket"](), list_inputs(dataset, "test")
    assert not np.allclose(fitted.predict(asked), fitted.predict([one[::-1] for one in asked]))
