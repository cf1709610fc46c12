"""Logarithm of the hyperbolic cosine of the error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("loss")
def log_cosh() -> keras.losses.Loss:
    """Behave as half the square for small errors and as the size for large ones, smoothly."""
    import keras

    return keras.losses.LogCosh(name="log_cosh")
