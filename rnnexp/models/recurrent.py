"""What the architectures of recurrent layers have in common: their settings, and the model built from them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import Field

from rnnexp.config.settings import FORMERLY, SINCE
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models import stateful, token_embedding
from rnnexp.models.augmentation import AugmentedInputs
from rnnexp.models.layers import FITTED, OF_WORDS, LinearPath, Pooling, add_linear_path, cut_patches, pool
from rnnexp.models.recurrent_checks import check_spec
from rnnexp.models.transformer import Transformer, apply_blocks
from rnnexp.models.word_path import add_word_path
from rnnexp.registry import PositiveInt, settings

if TYPE_CHECKING:
    import keras

Activation = Literal[
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh",
    "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink",
    "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh", "tanh_shrink", "threshold",
]  # fmt: skip
Initializer = Literal[
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal", "lecun_uniform",
    "ones", "orthogonal", "random_normal", "random_uniform", "truncated_normal", "variance_scaling", "zeros",
]  # fmt: skip
EMBEDDING_DIM = 100
RECURRENT_INITIALIZER: Final = "orthogonal"
BiasInitializer = Literal["ones", "random_normal", "random_uniform", "truncated_normal", "zeros"]
Units = Annotated[list[PositiveInt], Field(min_length=1)]


@settings
class RecurrentModel(AugmentedInputs, ABC):
    """Stacked recurrent layers, optional dense layers, and an output layer that the data's spec decides."""

    per_step: ClassVar[bool] = True  # whether it can give an output per time step
    states: ClassVar[str] = "h"  # a letter for each state of a layer
    bridged: ClassVar[str] = "hc"  # of these, what a layer of tanh can make for a decoder of another size
    state_weights: ClassVar[bool] = True  # whether weights multiply the state

    name: str = Field("", description="which architecture")
    patch_size: PositiveInt | None = Field(
        None,
        description="steps of the window read at once, as one input (SegRNN, Lin et al., 2023); null: one by one",
        json_schema_extra={FORMERLY: "segment"},
    )
    units: PositiveInt | Units = Field([64], description="size of each recurrent layer; [64, 32] stacks two")
    bidirectional: bool = Field(
        False, description="read the window in both directions; doubles a layer's outputs and weights"
    )
    dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of each recurrent layer's outputs dropped in training (a Dropout layer)",
    )
    variational_dropout: bool = Field(
        False, description="let `dropout` drop the same outputs at all steps (Gal and Ghahramani, 2016)"
    )
    recurrent_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of the state dropped between steps; rules out the fast GPU kernel"
    )
    l1: float = Field(0.0, ge=0, description="L1 penalty on the recurrent layers' kernels, added to the loss")
    l2: float = Field(0.0, ge=0, description="L2 penalty on the recurrent layers' kernels, added to the loss")
    activation: Activation | None = Field(
        None, description="activation of the state; null: Keras's own (tanh), the only one with a fast kernel"
    )
    kernel_initializer: Initializer = Field("glorot_uniform", description="initializer of the input weights (kernel)")
    recurrent_initializer: Initializer = Field(
        RECURRENT_INITIALIZER, description="initializer of the recurrent weights"
    )
    bias_initializer: BiasInitializer = Field("zeros", description="initializer of the biases")
    initial_range: float | None = Field(
        None, gt=0, description="initialize all weights uniformly from -this to this, in place of the initializers"
    )
    layer_norm: bool = Field(False, description="normalize each recurrent layer's outputs (Ba et al., 2016)")
    transformer: Transformer | None = Field(
        None,
        description="transformer blocks before or after the recurrent layers; null: none",
        json_schema_extra={SINCE: "0.1"},
    )
    pooling: Pooling = Field(
        "last",
        description="how the outputs of all steps become one: the last, their mean, their maximum, or attention",
    )
    embedding_dim: PositiveInt | None = Field(
        None,
        description="dimension of the embedding, where the data are tokens; null: that of data.vectors, or 100",
    )
    embedding_trainable: bool = Field(True, description="train the embedding, too; false freezes data.vectors")
    embedding_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of the embedding's dimensions dropped in training, the same ones for all steps",
    )
    word_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of tokens whose whole embedding is dropped in training (Iyyer et al., 2015)"
    )
    tie_weights: bool = Field(
        False, description="use the embedding's weights for the output too (weight tying), where tokens are predicted"
    )
    dense: list[PositiveInt] = Field([], description="sizes of dense layers before the output")
    dense_activation: Activation = Field("relu", description="activation of the layers in `dense`")
    output_activation: Activation | None = Field(
        None, description="activation of the output; null: linear, as classes always have it"
    )
    skip_connection: LinearPath = Field(
        False,
        description="add a linear function of the whole window to the output (LSTNet, Lai et al., 2018, eq. 8): true "
        "trains it; `ridge` fits it first, by ridge regression, for the network to learn what that leaves; `nb_svm` "
        "adds one of words and pairs of words to the logits of texts (NB-SVM, Wang and Manning, 2012), fitted to the "
        "training set, and weighed on the validation set once the network is trained",
        json_schema_extra={FORMERLY: "skip"},
    )

    start: str | None = Field(
        None,
        min_length=1,
        description="trained run from which the weights are loaded, by path and shape: its name, id, folder or "
        "models:/NAME@ALIAS; null: all weights are randomly initialized",
        json_schema_extra={SINCE: "0.1"},
    )
    freeze_epochs: int = Field(
        0,
        ge=0,
        description="number of first epochs in which the loaded weights are frozen",
        json_schema_extra={SINCE: "0.1"},
    )

    def check(self) -> list[str]:
        """List the mistakes between fields, as `key: message`."""
        if self.state_weights or self.recurrent_initializer == RECURRENT_INITIALIZER:
            return []
        return [f"recurrent_initializer: {self.recurrent_initializer} given; {self.name} has no weights of its state"]

    @abstractmethod
    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        """Make one recurrent layer; `shared` are the Keras arguments that all kinds take."""

    def check_spec(self, spec: TaskSpec) -> list[str]:
        """Return why this architecture cannot read these data, besides what holds for all."""
        return []

    def preprocess(self, x: Any, mask: Any, past: InputSpec) -> tuple[Any, Any]:
        """Return what the recurrent layers read, and its mask; `x` is (b, time, channels), as `past` says."""
        return x, mask

    def side_branch(self, x: Any, mask: Any) -> Any:
        """Return what joins the state of the recurrent layers, (b, outputs); None for nothing."""
        return None

    def build(self, spec: TaskSpec) -> keras.Model:
        """Return an uncompiled functional model from inputs to output as in `spec`, every layer named."""
        import keras

        if problems := check_spec(self, spec):
            raise ConfigError(*problems)
        inputs = {name: keras.Input(i.shape, name=name, dtype=i.dtype) for name, i in spec.inputs.items()}
        past, mask, scores = inputs["past"], inputs.get("mask"), None
        if spec.inputs["past"].vocabulary is not None:
            embedding, scores = token_embedding.layers(self, spec)
            past = token_embedding.embed(embedding, past, self)
        past = self.augment(past)
        first = stateful.make_state_inputs(spec.kept(self.state_sizes()))
        read = self.preprocess(cut_patches(past, self.patch_size), mask, spec.inputs["past"])
        x, last = self._recurrent(*read, spec, first)
        if (branch := self.side_branch(past, mask)) is not None:
            x = keras.layers.Concatenate(name="state_and_branch")([x, branch])
        future = keras.layers.Flatten(name="future_flat")(inputs["future"]) if "future" in inputs else None
        if future is not None:
            x = keras.layers.Concatenate(name="state_and_future")([x, future])
        for i, size in enumerate(self.dense, start=1):
            x = keras.layers.Dense(size, activation=self.dense_activation, name=f"dense_{i}")(x)
        y = scores(x) if scores else self._output(x, spec, inputs, future)
        if first:
            return keras.Model({**inputs, **first}, {stateful.OUTPUT: y, **last}, name=self.name)
        return keras.Model(inputs if len(inputs) > 1 else inputs["past"], y, name=self.name)

    def sizes(self) -> list[int]:
        """Return one size per recurrent layer."""
        return [self.units] if isinstance(self.units, int) else list(self.units)

    def vector_size(self) -> int:
        """Return the size of a token's vector, unless the data bring vectors of their own."""
        return self.embedding_dim or EMBEDDING_DIM

    def state_sizes(self) -> dict[str, int]:
        """Return the sizes of the states that are carried from one sequence to the next, by their names."""
        layers = enumerate(self.sizes(), start=1)
        sizes = {f"{self.name}_{i}_{state}": units for i, units in layers for state in self.states}
        if self.transformer is None:
            return sizes
        width = self.sizes()[-1] if self.transformer.position == "after" else self.vector_size()
        return sizes | self.transformer.state_sizes(width)

    def check_with(self, experiment: Any) -> list[str]:
        """Return what contradicts the other parts of an experiment."""
        return check_spec(self, experiment.data.outline())

    def _recurrent(self, x: Any, mask: Any, spec: TaskSpec, first: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Stack the recurrent layers, and blocks beside them; pool the steps, unless the data want an output of each.

        first: states to start from, by name; none: zeros.  The second result are those after the last step.
        """
        blocks, pooling = self.transformer, spec.pooled(self.pooling)
        if blocks is None:
            x, last = self._stack(x, mask, pooling != "last", first)
        elif blocks.position == "before":
            numbers = spec.inputs["past"].vocabulary is None
            layers = blocks.make_layers(self.sizes()[0] if numbers else x.shape[-1], numbers)
            x, kept = apply_blocks(layers, x, mask, causal=spec.causal, first=first)
            x, last = self._stack(x, mask, pooling != "last", first)
            last |= kept
        else:
            x, last = self._stack(x, mask, True, first)
            layers, alone = blocks.make_layers(x.shape[-1]), pooling == "last"
            x, kept = apply_blocks(layers, x, mask, causal=spec.causal, last=alone, first=first)
            last |= kept
        return pool(x, mask, self.pooling) if pooling not in (None, "last") else x, last

    def _stack(self, x: Any, mask: Any, sequences: bool, first: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Stack the recurrent layers; without `sequences` the last one gives its last output alone."""
        import keras

        sizes, last = self.sizes(), dict[str, Any]()
        for i, units in enumerate(sizes, start=1):
            layer = self._one(units, f"{self.name}_{i}", sequences or i < len(sizes), bool(first))
            names = [name for name in first if name.startswith(f"{layer.name}_")]
            if names:
                x, *ends = layer(x, initial_state=[first[name] for name in names])
                last |= dict(zip(names, ends))
            else:
                x = layer(x, mask=mask)
            if self.layer_norm:
                x = keras.layers.LayerNormalization(name=f"layer_norm_{i}")(x)
            if self.dropout:
                x = self._dropout(x, f"dropout_{i}")(x)
        return x, last

    def _dropout(self, x: Any, name: str) -> keras.layers.Layer:
        import keras

        same = self.variational_dropout and len(x.shape) == 3
        return (keras.layers.SpatialDropout1D if same else keras.layers.Dropout)(self.dropout, name=name)

    def _one(self, units: int, name: str, return_sequences: bool, return_state: bool) -> keras.layers.Layer:
        import keras

        shared = {
            "activation": self.activation or "tanh",
            "recurrent_dropout": self.recurrent_dropout,
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
            "kernel_regularizer": self._penalty(),
            "return_sequences": return_sequences,
            "return_state": return_state,
        }
        if self.state_weights:
            shared |= {
                "recurrent_initializer": self.recurrent_initializer,
                "recurrent_regularizer": self._penalty(),
            }
        layer = self.layer(units, name, **shared)
        return keras.layers.Bidirectional(layer, name=name) if self.bidirectional else layer

    def _penalty(self) -> keras.Regularizer | None:
        import keras

        return keras.regularizers.L1L2(self.l1, self.l2) if self.l1 or self.l2 else None

    def _output(self, x: Any, spec: TaskSpec, inputs: Mapping[str, Any], future: Any) -> Any:
        import keras

        # float32 also under mixed precision, whose losses would lose digits; 0 beside what has been fitted already
        size, fitted = math.prod(spec.output_shape), self.skip_connection == FITTED
        start = {"dtype": "float32", "kernel_initializer": "zeros" if fitted else "glorot_uniform"}
        x = keras.layers.Dense(size, activation=self.output_activation, **start, name="output")(x)
        if self.skip_connection == OF_WORDS:
            x = add_word_path(x, inputs["past"], inputs.get("mask"), spec.inputs["past"].vocabulary or 0)
        elif self.skip_connection:
            x = add_linear_path(x, inputs["past"], future, fitted)
        if len(spec.output_shape) == 1:
            return x
        steps = (size or -1 for size in spec.steps)
        return keras.layers.Reshape((*steps, *spec.output_shape), dtype="float32", name="output_shape")(x)
