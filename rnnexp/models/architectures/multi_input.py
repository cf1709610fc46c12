"""An encoder for each of several inputs, and what they say together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.layers import Pooling, pool, weigh_inputs
from rnnexp.models.recurrent import Activation, RecurrentModel, Units
from rnnexp.models.recurrent_checks import ONLY_READS
from rnnexp.registry import PositiveInt, lookup, register

if TYPE_CHECKING:
    import keras

FUTURE = "future"  # what is known ahead of a series is read as a row is


@register("model")
class multi_input:
    """Embedding and recurrent layers for texts, recurrent layers for sequences, a dense layer for rows of a table.

    What is understood of each stands side by side, or is weighed: a softmax over v . tanh(W h + b) of the inputs that
    an example has (attention as in Yang et al., Hierarchical attention networks for document classification, 2016,
    over inputs in the place of steps). An input that an example does not have is zeros.
    Data with one input are read likewise.
    """

    per_step: ClassVar[bool] = False

    name: Literal["multi_input"] = "multi_input"
    cell: Literal["gru", "lstm", "simple_rnn", "min_gru", "min_lstm", "slstm"] = Field(
        "gru", description="kind of the recurrent layers"
    )
    units: PositiveInt | Units = Field([32], description="size of each recurrent layer; [32, 16] stacks two per input")
    bidirectional: bool = Field(False, description="read texts and sequences in both directions")
    pooling: Pooling = Field(
        "last",
        description="how the outputs of all steps become one: the last, their mean, their maximum, or attention",
    )
    embedding_dim: PositiveInt = Field(32, description="dimension of the embedding of tokens")
    word_dropout: float = Field(0.0, ge=0, lt=1, description="share of tokens whose embedding is dropped in training")
    table_units: PositiveInt = Field(16, description="size of the dense layer that reads a row of a table")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of the outputs of each encoder dropped in training")
    combine: Literal["concat", "attention"] = Field(
        "concat", description="concatenate the outputs of the encoders, or add them up with learned weights"
    )
    combine_units: PositiveInt = Field(32, description="size of each encoder's output before attention adds them up")
    dense: list[PositiveInt] = Field([32], description="sizes of dense layers before the output")
    dense_activation: Activation = Field("relu", description="activation of the layers in `dense`")

    def sizes(self) -> list[int]:
        """Return one size per recurrent layer."""
        return [self.units] if isinstance(self.units, int) else list(self.units)

    def check_with(self, experiment: Any) -> list[str]:
        """Return what contradicts the other parts of an experiment."""
        return self._problems(experiment.data.outline())

    def _problems(self, spec: TaskSpec) -> list[str]:
        return [ONLY_READS.format(self.name)] if spec.writes else spec.step_problems(self)

    def build(self, spec: TaskSpec) -> keras.Model:
        """Return an uncompiled functional model from inputs to output as in `spec`, every layer named."""
        import keras

        if problems := self._problems(spec):
            raise ConfigError(*problems)
        inputs = {name: keras.Input(i.shape, name=name, dtype=i.dtype) for name, i in spec.inputs.items()}
        encoded, there = {}, {}
        for name, one in spec.list_inputs().items():
            mask = inputs.get(spec.name_mask(name))
            encoded[name], there[name] = self._encode(name, inputs[name], one, mask)
        if self.combine == "attention":
            x = weigh_inputs(encoded, there, self.combine_units)
        else:
            x = keras.layers.Concatenate(name="inputs_together")([*encoded.values()])
        for i, size in enumerate(self.dense, start=1):
            x = keras.layers.Dense(size, activation=self.dense_activation, name=f"dense_{i}")(x)
        # float32 also under mixed precision, whose losses would lose digits
        y = keras.layers.Dense(math.prod(spec.output_shape), dtype="float32", name="output")(x)
        if len(spec.output_shape) > 1:
            y = keras.layers.Reshape(spec.output_shape, dtype="float32", name="output_shape")(y)
        return keras.Model(inputs if len(inputs) > 1 else inputs["past"], y, name=self.name)

    def _encode(self, name: str, x: Any, one: InputSpec, mask: Any) -> tuple[Any, Any]:
        """Return what is understood of an input, (b, size), and whether an example has it, (b, 1) of 0 or 1."""
        from keras import layers, ops

        if name == FUTURE:
            x = layers.Flatten(name="future_flat")(x)
        if len(x.shape) == 2 and one.vocabulary is None:
            x = layers.Dense(self.table_units, activation=self.dense_activation, name=f"{name}_dense")(x)
            return self._drop(x, name), ops.ones_like(x[:, :1])
        x, read = self._embed(name, x, one), mask
        there = ops.ones_like(x[:, 0, :1])
        if mask is not None:
            there = ops.cast(ops.any(mask, axis=1, keepdims=True), x.dtype)
            # Some kernels read one step at least, so that of an example without steps the first is read for nothing.
            read = ops.concatenate([ops.ones_like(mask[:, :1]), mask[:, 1:]], axis=1)
        for i, units in enumerate(self.sizes(), start=1):
            whole = self.pooling != "last" or i < len(self.sizes())
            x = self._layer(units, f"{name}_{self.cell}_{i}", whole)(x, mask=read)
        if self.pooling != "last":
            x = pool(x, read, self.pooling, f"{name}_")
        return self._drop(x * there, name), there

    def _embed(self, name: str, x: Any, one: InputSpec) -> Any:
        """Return vectors of tokens, some of which are dropped in training; numbers as they are."""
        from keras import layers

        if one.vocabulary is None:
            return x
        own = {"embeddings_initializer": "uniform", "name": f"{name}_embedding"}
        x = layers.Embedding(one.vocabulary, self.embedding_dim, **own)(x)
        if not self.word_dropout:
            return x
        return layers.Dropout(self.word_dropout, noise_shape=(None, None, 1), name=f"{name}_word_dropout")(x)

    def _layer(self, units: int, name: str, return_sequences: bool) -> keras.layers.Layer:
        import keras

        cell: RecurrentModel = lookup("model", self.cell)()
        layer = cell.layer(units, name, return_sequences=return_sequences)
        return keras.layers.Bidirectional(layer, name=name) if self.bidirectional else layer

    def _drop(self, x: Any, name: str) -> Any:
        import keras

        return keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(x) if self.dropout else x
