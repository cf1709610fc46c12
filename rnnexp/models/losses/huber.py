"""Huber's loss (1964)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("loss")
def huber(
    delta: Annotated[float, Field(gt=0, description="error at which squares end, in scaled units")] = 1.0,
) -> keras.losses.Loss:
    """Square errors up to `delta`, take larger ones by their size: outliers count less."""
    import keras

    return keras.losses.Huber(delta=delta, name="huber")
