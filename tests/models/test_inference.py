"""A loaded model answers any number of threads at once, with the bits that Keras gives to one."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.models import inference
from rnnexp.models.build import build
from rnnexp.registry import lookup
from tests.fuzz import models

CASES: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in models.KINDS),
    ("rows", {"levels": [80]}),
    ("language", {"length": 4, "seed": 3}),
]
THREADS, CALLS = 8, 6


def network(steps: int | None = 6) -> Any:
    spec = TaskSpec("forecasting", {"past": InputSpec((steps, 3))}, (2, 1), targets=("y",))
    return build(lookup("model", "lstm")(units=[4], bidirectional=True), spec, seed=5)


def batch(examples: int = 4, steps: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(examples, steps, 3)).astype(np.float32)


@pytest.mark.parametrize(("kind", "params"), CASES, ids=str)
def test_threads_get_what_one_alone_gets(kind: str, params: dict[str, Any]) -> None:
    folder, question = models.saved(kind)
    alone = models.served(folder).predict(question, params)
    served = models.served(folder)  # nothing is compiled yet: threads meet in the first call, too
    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(lambda _: served.predict(question, params), range(THREADS * CALLS)))
    assert len(answers) == THREADS * CALLS
    for answer in answers:
        np.testing.assert_array_equal(np.asarray(answer), np.asarray(alone))


@pytest.mark.end_to_end
def test_threads_with_batches_of_many_shapes_get_their_own_answers() -> None:
    model, batches = network(None), [batch(1 + i % 3, 2 + i % 5, seed=i) for i in range(40)]
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda x: inference.predict(model, x), batches))
    for x, outputs in zip(batches, found):
        np.testing.assert_array_equal(outputs, model.predict_on_batch(x))
    assert not np.array_equal(found[0], inference.predict(model, batches[0] + 1))


def test_a_network_that_is_not_compiled_here_answers_one_thread_after_another() -> None:
    """What TensorFlow and PyTorch get; Keras's own call is not safe on JAX either, so that JAX will do to show it."""
    model, x = network(), batch()
    locked = inference._Locked(model)
    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda _: locked(x), range(THREADS * CALLS)))
    assert all(np.array_equal(outputs, inference.predict(model, x)) for outputs in found)


def test_weights_that_change_are_seen() -> None:
    model, x = network(), batch()
    before = inference.predict(model, x)
    for weight in model.weights:
        weight.assign(weight * 0.5)
    after = inference.predict(model, x)
    np.testing.assert_array_equal(after, model.predict_on_batch(x))
    assert not np.array_equal(before, after)


@pytest.mark.end_to_end
def test_no_more_programs_are_kept_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    import jax

    monkeypatch.setattr(inference, "MAX_SHAPES", 3)
    model = network(None)
    inference.predict(model, batch(steps=1))
    gc.collect()
    before = len(jax.devices()[0].client.live_executables())
    for steps in range(2, 7):
        inference.predict(model, batch(steps=steps))
    gc.collect()
    assert len(inference._predictors[model].programs) == 3  # type: ignore[attr-defined]
    assert len(jax.devices()[0].client.live_executables()) <= before + 3


@pytest.mark.end_to_end
def test_a_network_that_nobody_has_is_forgotten() -> None:
    inference.predict(network(), batch())
    gc.collect()
    before = len(inference._predictors)
    model = network()
    inference.predict(model, batch())
    assert len(inference._predictors) == before + 1
    del model
    gc.collect()
    assert len(inference._predictors) == before


def test_keras_alone_would_fail() -> None:
    """The trap is there: without the cure the test above would fail."""
    model, x = network(), batch()

    def ask(_: int) -> bool:
        try:
            return np.array_equal(model.predict(x, verbose=0), wanted)
        except Exception:
            return False

    wanted = inference.predict(model, x)
    with ThreadPoolExecutor(THREADS) as pool:
        assert not all(pool.map(ask, range(THREADS * 10)))
