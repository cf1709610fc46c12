"""Ridge regression from windows to what follows them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from rnnexp.data import ridge


def linear_data(rows: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return windows (rows, 4, 2), outputs (rows, 3, 1) that follow linearly, and the weights (8, 3)."""
    rng = np.random.default_rng(seed)
    x, weights = rng.normal(size=(rows, 4, 2)), rng.normal(size=(8, 3))
    y = x.reshape(rows, 8) @ weights + 5.0 + noise * rng.normal(size=(rows, 3))
    return x, y[..., None], weights


def take(indices: np.ndarray) -> Any:
    """Return which examples are meant, as a part of a dataset does."""
    return SimpleNamespace(arrays={}, indices=indices)


def make_batch(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> Callable[..., Any]:
    return lambda arrays, indices: (x[indices], y[indices], None if weight is None else weight[indices])


def test_a_linear_function_is_found_with_its_intercept() -> None:
    x, y, weights = linear_data(200, noise=0.0)
    kernel, intercept = ridge.fit_ridge(make_batch(x, y), take(np.arange(200)))
    assert kernel.dtype == intercept.dtype == np.float32
    assert np.allclose(kernel, weights, atol=1e-4)
    assert np.allclose(intercept, 5.0, atol=1e-4)
    assert not np.allclose(kernel, linear_data(200, noise=0.0, seed=1)[2], atol=1e-1)


def test_it_is_what_scikit_learn_finds_with_the_same_penalty() -> None:
    from sklearn.linear_model import Ridge

    x, y, _ = linear_data(60, noise=3.0)
    kernel, intercept = ridge.fit_ridge(make_batch(x, y), take(np.arange(60)))
    flat, around = x.reshape(60, 8), x.reshape(60, 8) - x.reshape(60, 8).mean(axis=0)
    scale = np.linalg.eigvalsh(around.T @ around).mean()
    found = [Ridge(alpha=penalty * scale).fit(flat, y[..., 0]) for penalty in ridge.PENALTIES]
    alike = [np.allclose(one.coef_.T, kernel, atol=1e-5) for one in found]
    assert alike.count(True) == 1
    assert np.allclose(found[alike.index(True)].intercept_, intercept, atol=1e-5)


def test_the_penalty_grows_where_examples_are_few_and_noisy() -> None:
    sizes = []
    for noise in (0.0, 10.0):
        x, y, _ = linear_data(12, noise)
        sizes.append(float(np.abs(ridge.fit_ridge(make_batch(x, y - y.mean()), take(np.arange(12)))[0]).sum()))
    least = np.linalg.lstsq(np.c_[x.reshape(12, 8), np.ones(12)], y[..., 0], rcond=None)[0][:-1]
    assert sizes[1] < 0.5 * float(np.abs(least).sum())
    assert sizes[0] > 1.0


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_fewer_examples_than_inputs_give_finite_weights(rows: int) -> None:
    x, y, _ = linear_data(rows, noise=1.0)
    kernel, intercept = ridge.fit_ridge(make_batch(x, y), take(np.arange(rows)))
    assert np.isfinite(kernel).all()
    assert np.abs(x.reshape(rows, 8) @ kernel + intercept - y[..., 0]).max() < 20


def test_inputs_that_never_change_give_the_mean() -> None:
    x, y, _ = linear_data(30, noise=1.0)
    kernel, intercept = ridge.fit_ridge(make_batch(np.ones_like(x), y), take(np.arange(30)))
    assert np.abs(kernel).max() < 1e-9
    assert np.allclose(intercept, y.mean(axis=0)[:, 0], atol=1e-5)


def test_examples_count_by_their_weights() -> None:
    x, y, weights = linear_data(80, noise=0.0)
    y[40:] = 0.0
    weight = np.repeat([1.0, 0.0], 40)
    kernel, _ = ridge.fit_ridge(make_batch(x, y, weight), take(np.arange(80)))
    assert np.allclose(kernel, weights, atol=1e-4)
    assert not np.allclose(ridge.fit_ridge(make_batch(x, y), take(np.arange(80)))[0], weights, atol=1e-1)


def test_pieces_and_one_piece_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, _ = linear_data(50, noise=1.0)
    whole = ridge.fit_ridge(make_batch(x, y), take(np.arange(50)))
    monkeypatch.setattr(ridge, "CHUNK_VALUES", 33)
    assert all(
        np.allclose(a, b, atol=1e-5) for a, b in zip(whole, ridge.fit_ridge(make_batch(x, y), take(np.arange(50))))
    )
    monkeypatch.setattr(ridge, "MOST_EXAMPLES", 10)
    assert not np.allclose(whole[0], ridge.fit_ridge(make_batch(x, y), take(np.arange(50)))[0], atol=1e-5)


def test_what_is_known_of_the_steps_to_come_follows_the_window() -> None:
    x = {"past": np.arange(6.0).reshape(1, 3, 2), "future": np.array([[[7.0], [8.0]]])}
    assert ridge.flatten_inputs(x).tolist() == [[0, 1, 2, 3, 4, 5, 7, 8]]
    assert ridge.flatten_inputs(x["past"]).tolist() == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("walks", [True, False], ids=["walk", "noise"])
def test_weights_shrink_to_a_naive_forecast_where_that_is_better(walks: bool) -> None:
    steps = np.random.default_rng(0).normal(size=300)
    values = steps.cumsum() if walks else steps
    windows = np.lib.stride_tricks.sliding_window_view(values, 13)
    x, y = windows[:, :12, None], windows[:, 12:, None]
    naive = np.eye(12)[:, -1:]
    kernel, _ = ridge.fit_ridge(make_batch(x, y), take(np.arange(len(x))), naive=naive)
    alone, _ = ridge.fit_ridge(make_batch(x, y), take(np.arange(len(x))))
    assert np.abs(kernel - naive * walks).max() < 0.1
    assert (np.abs(alone - naive * walks).max() < 0.1) != walks


@pytest.mark.parametrize("drifts", [True, False], ids=["drift", "none"])
def test_the_naive_forecast_is_the_answer_as_it_is_where_no_row_tells_more(drifts: bool) -> None:
    values = np.random.default_rng(4).normal(size=60).cumsum() + drifts * 3.0 * np.arange(60)
    windows = np.lib.stride_tricks.sliding_window_view(values, 9)
    naive = np.eye(8)[:, -1:]
    batch = make_batch(windows[:, :8, None], windows[:, 8:, None])
    kernel, intercept = ridge.fit_ridge(batch, take(np.arange(len(windows))), naive=naive)
    assert (np.array_equal(kernel, naive) and intercept == 0) != drifts


def test_validation_examples_choose_the_penalty_and_fit_nothing() -> None:
    x, y, weights = linear_data(60, noise=2.0)
    other = np.random.default_rng(1).normal(size=(400, 4, 2))
    answers = (other.reshape(400, 8) @ weights)[..., None] + 5.0
    batch = make_batch(np.concatenate([x, other, other]), np.concatenate([y, answers, np.full_like(answers, 5.0)]))
    like, unlike = (ridge.fit_ridge(batch, take(np.arange(60)), take(np.arange(400) + first)) for first in (60, 460))
    assert np.abs(unlike[0]).max() < 0.3 < np.abs(like[0]).max()
    around, target = x.reshape(60, 8) - x.reshape(60, 8).mean(axis=0), y[..., 0] - y[..., 0].mean(axis=0)
    gram = around.T @ around
    scales = ridge.PENALTIES * np.linalg.eigvalsh(gram).mean()
    fits = [np.linalg.solve(gram + scale * np.eye(8), around.T @ target) for scale in scales]
    nearest = [min(range(len(fits)), key=lambda at: np.abs(kernel - fits[at]).max()) for kernel in (like[0], unlike[0])]
    assert nearest[0] < nearest[1]
    for kernel, at in zip((like[0], unlike[0]), nearest):
        assert np.allclose(kernel, fits[at], atol=1e-5)
    assert not np.allclose(like[0], fits[nearest[1]], atol=1e-5)
