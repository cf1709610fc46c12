"""Mean absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("loss")
def mae() -> keras.losses.Loss:
    """Punish errors by their size; its best constant answer is the median."""
    import keras

    return keras.losses.MeanAbsoluteError(name="mae")
