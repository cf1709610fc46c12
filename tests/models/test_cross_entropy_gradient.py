"""Cross entropy by hand has the values and gradients of its definition, and of Keras's."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnexp.models.cross_entropy_gradient import compute_nats

SOURCE = np.random.default_rng(0)
LOGITS = SOURCE.normal(size=(4, 3, 7)).astype("float32") * 5
LABELS = SOURCE.integers(0, 7, (4, 3))
WEIGHTS = SOURCE.uniform(size=(4, 3)).astype("float32")


def test_values_are_those_of_the_definition() -> None:
    exact = LOGITS.astype("float64")
    chosen = np.take_along_axis(exact, LABELS[..., None], -1)[..., 0]
    expected = np.log(np.exp(exact).sum(-1)) - chosen
    np.testing.assert_allclose(compute_nats(LABELS, LOGITS), expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(compute_nats((LABELS + 1) % 7, LOGITS), expected, rtol=1e-3)


def test_gradients_are_those_of_keras_s_and_stay_finite_far_out() -> None:
    import jax
    import keras

    def by_keras(logits: Any) -> Any:
        return (keras.ops.sparse_categorical_crossentropy(LABELS, logits, from_logits=True) * WEIGHTS).sum()

    def by_hand(logits: Any) -> Any:
        return (compute_nats(LABELS, logits) * WEIGHTS).sum()

    for logits in (LOGITS, LOGITS * 1e3, LOGITS - 1e4):
        expected, found = (np.asarray(jax.grad(function)(logits)) for function in (by_keras, by_hand))
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert abs(found).max() > 0.1
    several = jax.vmap(jax.grad(by_hand))(np.stack([LOGITS, LOGITS * 2]))
    np.testing.assert_allclose(several[0], jax.grad(by_hand)(LOGITS), atol=1e-7)


def test_what_is_no_class_counts_nothing_as_with_keras() -> None:
    import jax
    import keras

    labels = np.where(LABELS == 0, -1, np.where(LABELS == 1, 7, LABELS))
    assert {-1, 7} <= set(labels.ravel())
    expected = keras.ops.sparse_categorical_crossentropy(labels, LOGITS, from_logits=True)
    np.testing.assert_allclose(compute_nats(labels, LOGITS), expected, rtol=1e-5, atol=1e-6)
    gradient = np.asarray(jax.grad(lambda logits: compute_nats(labels, logits).sum())(LOGITS))
    unknown = (labels < 0) | (labels == 7)
    assert (gradient[unknown] == 0).all()
    assert (abs(gradient[~unknown]).max(-1) > 0).all()
