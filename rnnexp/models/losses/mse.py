"""Mean squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("loss")
def mse() -> keras.losses.Loss:
    """Punish large errors most; its best constant answer is the mean."""
    import keras

    return keras.losses.MeanSquaredError(name="mse")
