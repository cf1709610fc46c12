"""Minimal gated recurrent unit: its gate sees the inputs alone, so one product serves all steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.models.recurrent import Activation, RecurrentModel
from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("model")
class min_gru(RecurrentModel):
    """Feng et al., Were RNNs all we needed? (2024): z = sigmoid(W_z x), h = (1 - z) h_before + z g(W_h x)."""

    state_weights: ClassVar[bool] = False

    name: Literal["min_gru"] = "min_gru"
    activation: Activation | None = Field(
        None, description="activation of a step's new values; null: x + 0.5 from 0 on, sigmoid(x) below (appendix B)"
    )
    recurrent_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of each step's new values dropped in training (Semeniuta et al., 2016)"
    )

    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        from rnnexp.models.recurrent_layers import MinGRU

        return MinGRU(units, name=name, **shared | {"activation": self.activation})
