"""An LSTM beside a fully convolutional branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.data.spec import InputSpec
from rnnexp.errors import ConfigError
from rnnexp.models import layers
from rnnexp.models.recurrent import RecurrentModel
from rnnexp.registry import PositiveInt, register

if TYPE_CHECKING:
    import keras


@register("model", revision=2)
class lstm_fcn(RecurrentModel):
    """Karim et al., LSTM fully convolutional networks for time series classification, 2018, figure 2."""

    per_step: ClassVar[bool] = False

    name: Literal["lstm_fcn"] = "lstm_fcn"
    units: PositiveInt | Annotated[list[PositiveInt], Field(min_length=1)] = Field(
        [8], description="size of each recurrent layer; the paper searches 8, 64 and 128"
    )
    dropout: float = Field(0.8, ge=0, lt=1, description="share of each recurrent layer's outputs dropped in training")
    filters: Annotated[list[PositiveInt], Field(min_length=1)] = Field(
        [128, 256, 128], description="channels of each convolution"
    )
    kernel_sizes: Annotated[list[PositiveInt], Field(min_length=1)] = Field(
        [8, 5, 3], description="steps that each convolution sees at once"
    )
    dimension_shuffle: bool | None = Field(
        None,
        description="the LSTM takes each channel as one step, all its values at once; null: if all are of one length",
    )

    def check(self) -> list[str]:
        if len(self.filters) == len(self.kernel_sizes):
            return []
        return [f"kernel_sizes: {len(self.kernel_sizes)} given for {len(self.filters)} filters; give one each"]

    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        import keras

        return keras.layers.LSTM(units, name=name, **shared)

    def preprocess(self, x: Any, mask: Any, past: InputSpec) -> tuple[Any, Any]:
        import keras

        whole = mask is None and x.shape[1] is not None
        if not (whole if self.dimension_shuffle is None else self.dimension_shuffle):
            return x, mask
        if not whole:
            raise ConfigError(
                "model.dimension_shuffle: true given, but the sequences are of different length; use null or false"
            )
        return keras.layers.Permute((2, 1), name="dimension_shuffle")(x), None

    def side_branch(self, x: Any, mask: Any) -> Any:
        import keras

        for i, (filters, size) in enumerate(zip(self.filters, self.kernel_sizes), start=1):
            x = layers.convolve(x, mask, f"fcn_{i}", filters, size)
        return keras.layers.GlobalAveragePooling1D(name="fcn_mean")(x, mask=mask)
