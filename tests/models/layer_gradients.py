"""Outputs and gradients of a layer, for tests that compute it in another way."""

from __future__ import annotations

from typing import Any

import numpy as np


def compute_gradients(layer: Any, x: np.ndarray, factor: float = 1.0) -> list[np.ndarray]:
    """Return outputs, and gradients of a weighted sum of them by kernel, bias and inputs."""
    import jax

    source = np.random.default_rng(1)
    weights = [factor * variable.value for variable in layer.trainable_variables]

    def loss(weights: Any, x: Any) -> Any:
        y, _ = layer.stateless_call(weights, [], x)
        return (y * source.normal(size=y.shape)).sum(), y

    found, y = jax.jit(jax.grad(loss, argnums=(0, 1), has_aux=True))(weights, x)
    return [np.asarray(leaf) for leaf in (y, *jax.tree.leaves(found))]
