"""A plain recurrent layer: the new state is an activation of the input and the old state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from rnnexp.models.recurrent import RecurrentModel
from rnnexp.registry import register

if TYPE_CHECKING:
    import keras


@register("model")
class simple_rnn(RecurrentModel):
    """Elman (1990): fast, and forgets soon."""

    name: Literal["simple_rnn"] = "simple_rnn"

    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        import keras

        return keras.layers.SimpleRNN(units, name=name, **shared)
