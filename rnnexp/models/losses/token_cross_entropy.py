"""An earlier name of `cross_entropy`, by which finished runs and sweeps are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from rnnexp.models.losses.cross_entropy import SUM_OVER_TIME, cross_entropy
from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("loss")
def token_cross_entropy(
    sum_over_time: Annotated[bool, Field(description=SUM_OVER_TIME)] = False,
) -> keras.losses.Loss:
    """Return `cross_entropy`, under the name that it had where each step has a class."""
    loss = cross_entropy(sum_over_time)
    loss.name = "token_cross_entropy"
    return loss
