"""Long short-term memory: gates decide what a cell keeps, forgets and shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.models.recurrent import Activation, RecurrentModel
from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("model", revision=2)
class lstm(RecurrentModel):
    """Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000)."""

    states: ClassVar[str] = "hc"

    name: Literal["lstm"] = "lstm"
    recurrent_activation: Activation = Field("sigmoid", description="activation of the gates")
    unit_forget_bias: bool = Field(True, description="initialize the bias of the forget gate with 1")

    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        import keras

        gates = {"recurrent_activation": self.recurrent_activation, "unit_forget_bias": self.unit_forget_bias}
        return keras.layers.LSTM(units, name=name, **gates, **shared)
