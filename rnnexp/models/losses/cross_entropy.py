"""Cross-entropy of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("loss")
def cross_entropy() -> keras.losses.Loss:
    """Return minus the log of the probability given to the true class, whose label is an integer."""
    import keras

    return keras.losses.SparseCategoricalCrossentropy(name="cross_entropy")
