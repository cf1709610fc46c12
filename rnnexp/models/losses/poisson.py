"""Poisson loss for counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("loss")
def poisson() -> keras.losses.Loss:
    """Return minus the log-likelihood of counts; needs positive outputs: model.output_activation=softplus."""
    import keras

    return keras.losses.Poisson(name="poisson")
