"""The linear forecast from which a network starts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnexp as rx
from rnnexp.data.ridge import fit_ridge, flatten_inputs
from rnnexp.tasks import load
from rnnexp.tasks.forecasting import linear_start

AIRLINE = ("data=airline_passengers", "data.sequence_length=6", "data.horizon=2")
OWN, LAST = "data.scaler=[standard,instance]", "data.scaler=[standard,last]"


def dataset(*words: str) -> Any:
    return load(rx.compose(*AIRLINE, *words).data)


def weights_of(found: Any) -> np.ndarray:
    part = found.parts["train"]
    return np.asarray(linear_start.weigh_windows(found.pipeline.plan, part.arrays, part.indices)[2])


@pytest.mark.parametrize("words", [(), ("data.calendar=[month]",)], ids=["plain", "dates"])
def test_the_naive_weights_repeat_the_last_value(words: tuple[str, ...]) -> None:
    found = dataset("data.scaler=standard", *words)
    part = found.parts["test"]
    x, _, _ = found.batch(part.arrays, part.indices)
    past = x["past"] if words else x
    forecast = flatten_inputs(x) @ linear_start.make_naive_weights(found.pipeline.plan)
    assert np.array_equal(forecast, np.repeat(past[:, -1, :1], 2, axis=1))
    assert not np.array_equal(forecast, np.repeat(past[:, -2, :1], 2, axis=1))


def test_a_window_counts_by_the_square_of_what_it_was_divided_by() -> None:
    found = dataset(OWN)
    values = found.parts["train"].arrays["values"][:, 0]
    windows = np.lib.stride_tricks.sliding_window_view(values, 6)[found.parts["train"].indices]
    assert np.allclose(weights_of(found), windows.var(axis=1), rtol=1e-2)
    assert np.ptp(weights_of(found)) > 0.1
    assert set(weights_of(dataset(LAST))) == {1.0}


def test_weights_of_rows_count_beside_those_of_windows() -> None:
    lines = ["y,w", *(f"{np.sin(row) * (row + 9):.4f},{1 + row % 3}" for row in range(60))]
    with open("rows.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    words = ("data=csv", "data.path=rows.csv", "data.target=y", "data.horizon=2", "data.sequence_length=6")
    weighed, plain = (load(rx.compose(*words, OWN, *more).data) for more in (("data.weight=w",), ()))
    part, ratio = weighed.parts["train"], weights_of(weighed) / weights_of(plain)
    given = weighed.batch(part.arrays, part.indices)[2][:, 0]
    assert np.allclose(ratio / ratio.mean(), given / given.mean(), rtol=1e-4)
    assert np.ptp(ratio) > 0.1
    assert not np.allclose(weighed.ridge[0], plain.ridge[0], atol=1e-4)


def test_the_errors_in_the_units_of_the_series_are_the_least() -> None:
    found = dataset(OWN)
    part, plan = found.parts["train"], found.pipeline.plan
    x, y, _ = found.batch(part.arrays, part.indices)
    alone = fit_ridge(found.batch, part, found.parts["val"], linear_start.make_naive_weights(plan))
    errors = [
        float((weights_of(found) * ((flatten_inputs(x) @ kernel + intercept - y[..., 0]) ** 2).mean(axis=1)).sum())
        for kernel, intercept in (found.ridge, alone)
    ]
    assert errors[0] < 0.99 * errors[1]
