"""Quantile (pinball) loss (Koenker and Bassett, 1978)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("loss")
def quantile(
    quantile: Annotated[float, Field(gt=0, lt=1, description="share of values that should lie below")] = 0.5,
) -> keras.losses.Loss:
    """Weigh answers below the truth by `quantile`, those above by the rest; it learns that quantile."""
    import keras

    class Pinball(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            error = y_true - y_pred
            return keras.ops.mean(keras.ops.maximum(quantile * error, (quantile - 1) * error), axis=-1)

    return Pinball(name="quantile")
