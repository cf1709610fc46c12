"""Perplexity while training."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def make_perplexity() -> keras.metrics.Metric:
    """Return a metric of logits: exp of the mean cross-entropy, in nats, of the tokens that came."""
    return _class()(from_logits=True, name="perplexity")


@cache
def _class() -> type:
    import keras

    class Perplexity(keras.metrics.SparseCategoricalCrossentropy):
        def result(self) -> Any:
            return keras.ops.exp(super().result())

    return Perplexity
