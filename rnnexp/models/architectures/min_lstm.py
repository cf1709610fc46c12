"""Minimal long short-term memory: its gates see the inputs alone, so one product serves all steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.models.recurrent import Activation, RecurrentModel
from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("model")
class min_lstm(RecurrentModel):
    """Feng et al., Were RNNs all we needed? (2024): h = (f h_before + i g(W_h x)) / (f + i), f and i as in an LSTM of
    which the gates see no state.
    """

    state_weights: ClassVar[bool] = False

    name: Literal["min_lstm"] = "min_lstm"
    activation: Activation | None = Field(
        None, description="activation of a step's new values; null: x + 0.5 from 0 on, sigmoid(x) below (appendix B)"
    )
    recurrent_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of each step's new values dropped in training (Semeniuta et al., 2016)"
    )
    unit_forget_bias: bool = Field(True, description="initialize the bias of the forget gate with 1")

    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        from rnnexp.models.recurrent_layers import MinLSTM

        more = {"activation": self.activation, "unit_forget_bias": self.unit_forget_bias}
        return MinLSTM(units, name=name, **shared | more)
