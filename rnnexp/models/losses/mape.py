"""Mean absolute percentage error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("loss")
def mape() -> keras.losses.Loss:
    """Take errors as a percentage of the actual value, which must stay away from zero."""
    import keras

    return keras.losses.MeanAbsolutePercentageError(name="mape")
