"""Gated recurrent unit: two gates, one state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from rnnexp.models.recurrent import Activation, RecurrentModel
from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("model", revision=2)
class gru(RecurrentModel):
    """Cho et al. (2014), in the variant that cuDNN computes: the reset gate acts after the product."""

    name: Literal["gru"] = "gru"
    recurrent_activation: Activation = Field("sigmoid", description="activation of the gates")

    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        import keras

        return keras.layers.GRU(units, name=name, recurrent_activation=self.recurrent_activation, **shared)
