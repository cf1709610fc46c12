"""What is done to the inputs of a network while it trains, and at no other time, by Keras's own layers.

Masks of time and frequency as in Park et al., SpecAugment: a simple data augmentation method for automatic speech
recognition, 2019, here as dropout: any step, and any group of neighboring channels, has its chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from rnnexp.config.settings import SINCE
from rnnexp.registry import PositiveInt, settings

if TYPE_CHECKING:
    from rnnexp.data.spec import InputSpec

NEW: Any = {SINCE: "0.1"}


@settings
class AugmentedInputs:
    """Settings of what is done to numbers before the first layer in training."""

    input_noise: float = Field(
        0.0,
        ge=0,
        description="deviation of the noise that is added to inputs in training, in the units that the network sees",
        json_schema_extra=NEW,
    )
    step_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of steps whose inputs are dropped in training", json_schema_extra=NEW
    )
    band_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of bands of neighboring channels that are dropped in training, at all steps",
        json_schema_extra=NEW,
    )
    band_width: PositiveInt = Field(5, description="channels of a band", json_schema_extra=NEW)

    def augment(self, x: Any) -> Any:
        """Return what the layers read of inputs (b, time, channels)."""
        import keras

        if self.input_noise:
            x = keras.layers.GaussianNoise(self.input_noise, name="input_noise")(x)
        if self.step_dropout:
            x = keras.layers.Dropout(self.step_dropout, noise_shape=(None, None, 1), name="step_dropout")(x)
        return drop_bands(x, self.band_dropout, self.band_width) if self.band_dropout else x

    def find_augmented_tokens(self, past: InputSpec) -> list[str]:
        """Say which of these settings are given for tokens, which are no numbers."""
        given = [key for key in ("input_noise", "step_dropout", "band_dropout") if getattr(self, key)]
        instead = "is for numbers; for tokens there are model.word_dropout and model.embedding_dropout"
        return [f"model.{key}: {instead}" for key in given] if past.vocabulary is not None else []


def drop_bands(x: Any, rate: float, width: int) -> Any:
    """Drop bands of so many neighboring channels of (b, time, channels), the same ones at all steps of an example."""
    import keras

    channels = x.shape[-1]
    bands = -(-channels // width)
    wide = keras.ops.pad(x, [[0, 0], [0, 0], [0, bands * width - channels]])
    split = keras.layers.Reshape((-1, bands, width), name="bands")(wide)
    dropped = keras.layers.Dropout(rate, noise_shape=(None, 1, None, 1), name="band_dropout")(split)
    return keras.layers.Reshape((x.shape[1] or -1, bands * width), name="channels")(dropped)[..., :channels]
