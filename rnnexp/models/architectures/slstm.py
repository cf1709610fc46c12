"""Scalar LSTM of xLSTM: exponential gates, so that a later step may outweigh all that was read before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.models.recurrent import RecurrentModel
from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("model")
class slstm(RecurrentModel):
    """Beck et al., xLSTM (2024): c = f c_before + exp(i) z, n = f n_before + exp(i), h = o c / n."""

    states: ClassVar[str] = "hcnm"
    bridged: ClassVar[str] = "h"  # c means nothing without n and m, which tanh cannot make

    name: Literal["slstm"] = "slstm"
    unit_forget_bias: bool = Field(True, description="initialize the bias of the forget gate with 1")
    exponential_forget: bool = Field(False, description="let the forget gate be exponential too; false: sigmoid")

    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        from rnnexp.models.recurrent_layers import SLSTM

        gates = {"unit_forget_bias": self.unit_forget_bias, "exponential_forget": self.exponential_forget}
        return SLSTM(units, name=name, **gates, **shared)
