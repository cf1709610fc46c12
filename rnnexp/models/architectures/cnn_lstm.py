"""Convolutions find short patterns, an LSTM reads them in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.data.spec import InputSpec
from rnnexp.models import layers
from rnnexp.models.recurrent import RecurrentModel
from rnnexp.registry import PositiveInt, register

if TYPE_CHECKING:
    import keras


@register("model", revision=2)
class cnn_lstm(RecurrentModel):
    """Convolution before recurrence, after Sainath et al. (2015), Convolutional, LSTM, fully connected networks."""

    per_step: ClassVar[bool] = False

    name: Literal["cnn_lstm"] = "cnn_lstm"
    filters: Annotated[list[PositiveInt], Field(min_length=1)] = Field(
        [64], description="channels of each convolution; [64, 64] stacks two"
    )
    kernel_size: int = Field(5, ge=1, description="steps that a convolution sees at once")
    pool_size: int = Field(2, ge=1, description="steps of which the maximum is kept after each convolution; 1: all")
    batch_norm: bool = Field(True, description="normalize batches after each convolution (Ioffe and Szegedy, 2015)")

    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        import keras

        return keras.layers.LSTM(units, name=name, **shared)

    def preprocess(self, x: Any, mask: Any, past: InputSpec) -> tuple[Any, Any]:
        for i, filters in enumerate(self.filters, start=1):
            x = layers.convolve(x, mask, f"cnn_{i}", filters, self.kernel_size, normalize=self.batch_norm)
            x, mask = layers.downsample(x, mask, f"cnn_{i}", self.pool_size)
        return x, mask
