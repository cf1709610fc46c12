"""Convolutions encode each image of a clip, recurrent layers read them in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from rnnexp.config.settings import FORMERLY
from rnnexp.data.spec import UNKNOWN_SIZE, InputSpec, TaskSpec
from rnnexp.models.frame_encoder import encode_frames, find_smallest
from rnnexp.models.recurrent import RecurrentModel
from rnnexp.registry import PositiveInt, register

if TYPE_CHECKING:
    import keras

NO_FRAMES = "model: cnn_rnn reads frames, and these data have none; data=frames has, and cnn_lstm reads other sequences"


@register("model")
class cnn_rnn(RecurrentModel):
    """Donahue et al., Long-term recurrent convolutional networks for visual recognition and description, 2015."""

    name: Literal["cnn_rnn"] = "cnn_rnn"
    cell: Literal["lstm", "gru", "simple_rnn"] = Field("lstm", description="which recurrent layers")
    filters: Annotated[list[PositiveInt], Field(min_length=1)] = Field(
        [16, 32], description="channels of each convolution of a frame; [16, 32] stacks two"
    )
    kernel_size: int = Field(3, ge=1, description="pixels of a side that a convolution sees at once")
    pool_size: int = Field(
        2,
        ge=1,
        description="pixels of a side of which the maximum is kept after each; 1: all",
        json_schema_extra={FORMERLY: "pool"},
    )

    def check(self) -> list[str]:
        """List the mistakes between fields, as `key: message`."""
        found = super().check()
        if self.patch_size is not None:
            found.append(f"patch_size: {self.patch_size} given; frames are read one by one: use null")
        return found

    def check_spec(self, spec: TaskSpec) -> list[str]:
        """Return why frames of these data cannot be encoded."""
        frame = spec.inputs["past"].frame
        if frame is None:
            return [NO_FRAMES]
        if UNKNOWN_SIZE in frame or find_smallest(min(frame[:2]), len(self.filters), self.pool_size):
            return []
        size = f"{frame[0]} x {frame[1]} pixels"
        return [f"model.pool_size: {self.pool_size} given with {len(self.filters)} filters; of {size} nothing is left"]

    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        import keras

        kinds = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "simple_rnn": keras.layers.SimpleRNN}
        return kinds[self.cell](units, name=name, **shared)

    def preprocess(self, x: Any, mask: Any, past: InputSpec) -> tuple[Any, Any]:
        frame = past.frame or ()
        return encode_frames(x, frame, self.filters, self.kernel_size, self.pool_size), mask
