"""An encoder reads a sequence, and a decoder writes another one, or a forecast, from what it has understood."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.config.settings import SINCE
from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError, count
from rnnexp.models.layers import Attention, make_attention_layers
from rnnexp.models.recurrent import RecurrentModel, Units
from rnnexp.models.seq2seq_network import Seq2SeqNetwork
from rnnexp.models.transformer import Transformer
from rnnexp.registry import PositiveInt, lookup, register

if TYPE_CHECKING:
    import keras


UNREAD = (
    "model.transformer.position: after given, but without model.attention the decoder reads the states of the encoder "
    "alone; set model.attention=dot or additive, or use before"
)
WRITES = "model: encoder_decoder writes texts and forecasts; the data are {}"


@register("model", revision=2)
class encoder_decoder:
    """Sutskever, Vinyals and Le (2014): the states of each layer of the encoder are the first ones of the decoder's.

    States of another size than the decoder's go through a layer of tanh. With attention each step of the decoder also
    looks at all outputs of the encoder. Texts are learned with the true token before each one given; forecasts from
    what the encoder has understood, repeated for each step of the horizon, and from what is known ahead.
    """

    per_step: ClassVar[bool] = False  # its steps are those that it writes, not those that it reads

    name: Literal["encoder_decoder"] = "encoder_decoder"
    cell: Literal["gru", "lstm", "min_gru", "min_lstm", "slstm"] = Field(
        "gru", description="kind of the recurrent layers"
    )
    units: PositiveInt | Units = Field(
        [256], description="size of each layer of encoder and decoder; [64, 64] stacks two"
    )
    decoder_units: PositiveInt | Units | None = Field(
        None,
        description="size of each layer of the decoder, if it differs; null: as the encoder's",
        json_schema_extra={SINCE: "0.1"},
    )
    bidirectional: bool = Field(False, description="let the encoder read in both directions")
    attention: Attention | None = Field(
        None, description="attention of the decoder over the outputs of the encoder; null: none"
    )
    transformer: Transformer | None = Field(
        None,
        description="transformer blocks before or after the recurrent layers of the encoder; null: none",
        json_schema_extra={SINCE: "0.1"},
    )
    embedding_dim: PositiveInt = Field(128, description="dimension of the embedding of tokens")
    tie_weights: bool = Field(
        False, description="use the embedding of the target tokens for the output too (weight tying)"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="share of embeddings and of outputs dropped in training")

    def sizes(self) -> list[int]:
        """Return one size per layer of the decoder, of which the output reads the last one."""
        return _list(self.units if self.decoder_units is None else self.decoder_units)

    def check(self) -> list[str]:
        layers, given = len(_list(self.units)), len(self.sizes())
        if layers == given:
            return []
        return [f"decoder_units: {count(given, 'layer')} given, but units has {layers}; each starts from one of these"]

    def vector_size(self) -> int:
        """Return the size of a token's vector."""
        return self.embedding_dim

    def check_with(self, experiment: Any) -> list[str]:
        """Return what contradicts the other parts of an experiment."""
        return self._problems(experiment.data.outline())

    def _problems(self, spec: TaskSpec) -> list[str]:
        writes = "previous" in spec.inputs or len(spec.output_shape) > 1
        if problems := spec.step_problems(self) or spec.several_problems(self):
            return problems
        if not writes:
            return [WRITES.format(spec.task)]
        blocks = self.transformer
        unread = [UNREAD] if blocks and blocks.position == "after" and not self.attention else []
        return unread + (blocks.problems(spec.carried) if blocks else []) + spec.tie_problems(self)

    def build(self, spec: TaskSpec) -> keras.Model:
        """Return an uncompiled model: from "past", "mask" and "previous" to scores (b, steps, vocabulary), or from
        "past" and perhaps "future" to (b, horizon, targets).
        """
        import keras

        if problems := self._problems(spec):
            raise ConfigError(*problems)
        inputs = {name: keras.Input(i.shape, name=name, dtype=i.dtype) for name, i in spec.inputs.items()}
        network = Seq2SeqNetwork(self._layers(spec), len(self.sizes()), self.attention, self.bidirectional)
        memory, states = network.encode(inputs["past"], inputs.get("mask"))
        previous = inputs["previous"] if "previous" in inputs else self._steps(states, inputs, spec.output_shape[0])
        y, *_ = network.decode(previous, memory, inputs.get("mask"), states)
        return keras.Model(inputs if len(inputs) > 1 else inputs["past"], y, name=self.name)

    def _steps(self, states: list[Any], inputs: dict[str, Any], horizon: int) -> Any:
        """Return what the decoder of a forecast reads at each step: what was understood, and what is known ahead."""
        import keras

        last = states[-len(self._cell().states)]
        steps = keras.layers.RepeatVector(horizon, name="understood")(last)
        return keras.ops.concatenate([steps, inputs["future"]], axis=-1) if "future" in inputs else steps

    def _layers(self, spec: TaskSpec) -> dict[str, Any]:
        """Make every layer, by its name."""
        import keras

        layers = keras.layers
        cell = self._cell()
        sides = {"past": "source", "previous": "target"} if "previous" in spec.inputs else {}
        stack: list[Any] = []
        for input_name, side in sides.items():
            tokens = spec.inputs[input_name].vocabulary
            stack.append(self._embedding(tokens, side))
            stack.append(layers.Dropout(self.dropout, name=f"dropout_{side}"))
        for i, (read, written) in enumerate(zip(_list(self.units), self.sizes()), start=1):
            reader, writer = (
                cell.layer(units, f"{side}_{i}", return_sequences=True, return_state=True)
                for side, units in (("encoder", read), ("decoder", written))
            )
            stack += [layers.Bidirectional(reader, name=reader.name) if self.bidirectional else reader, writer]
            stack += [layers.Dropout(self.dropout, name=f"dropout_{side}_{i}") for side in ("encoder", "decoder")]
            if self.bidirectional or read != written:
                stack += [
                    layers.Dense(written, activation="tanh", name=f"bridge_{i}_{state}")
                    for state in cell.states
                    if state in cell.bridged
                ]
        last = self.sizes()[-1]
        if self.attention:
            stack += make_attention_layers(self.attention, last)
            stack.append(layers.Dense(last, activation="tanh", name="attended"))
        if blocks := self.transformer:
            first, last = _list(self.units)[0], _list(self.units)[-1] * (1 + self.bidirectional)
            width = last if blocks.position == "after" else self.embedding_dim if sides else first
            stack += blocks.make_layers(width, projected=blocks.position == "before" and not sides).values()
        if not self.tie_weights:
            stack.append(layers.Dense(spec.output_shape[-1], dtype="float32", name="output"))
        return {layer.name: layer for layer in stack}

    def _cell(self) -> RecurrentModel:
        cell: RecurrentModel = lookup("model", self.cell)()
        return cell

    def _embedding(self, tokens: int | None, side: str) -> keras.layers.Layer:
        """Make the vectors of one side, which vary as much as the states do: from Keras's small ones the last layers
        learn how frequent each token is first, saturate at that, and nothing else is ever learned.
        """
        import keras

        tied = side == "target" and self.tie_weights
        spread = keras.initializers.RandomNormal(stddev=self.embedding_dim**-0.5 if tied else 1.0)
        kind = keras.layers.ReversibleEmbedding if tied else keras.layers.Embedding
        more = {"reverse_dtype": "float32"} if tied else {}
        name = f"{side}_embedding"
        return kind(tokens, self.embedding_dim, embeddings_initializer=spread, name=name, **more)


def _list(units: int | list[int]) -> list[int]:
    return [units] if isinstance(units, int) else list(units)
