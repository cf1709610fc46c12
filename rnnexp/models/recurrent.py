"""What simple_rnn, lstm and gru have in common: their settings, and the model built from them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from rnnexp.data.spec import TaskSpec
from rnnexp.errors import ConfigError
from rnnexp.models.pooling import Pooling, pooled
from rnnexp.registry import PositiveInt, lookup, names, settings

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
BiasInitializer = Literal["ones", "random_normal", "random_uniform", "truncated_normal", "zeros"]
Units = Annotated[list[PositiveInt], Field(min_length=1)]


@settings
class RecurrentModel(ABC):
    """Stacked recurrent layers, optional dense layers, and an output layer that the data's spec decides."""

    per_step: ClassVar[bool] = True  # whether it can give an output per time step

    name: str = Field("", description="which architecture")
    segment: PositiveInt | None = Field(
        None,
        description="steps of the window read at once, as one input (SegRNN, Lin et al., 2023); null: one by one",
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
    recurrent_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of the state dropped between steps; rules out the fast GPU kernel"
    )
    l1: float = Field(0.0, ge=0, description="L1 penalty on the recurrent layers' kernels, added to the loss")
    l2: float = Field(0.0, ge=0, description="L2 penalty on the recurrent layers' kernels, added to the loss")
    activation: Activation | None = Field(
        None, description="activation of the state; null: Keras's own (tanh), the only one with a fast kernel"
    )
    kernel_initializer: Initializer = Field("glorot_uniform", description="first weights of the inputs")
    recurrent_initializer: Initializer = Field("orthogonal", description="first weights of the state")
    bias_initializer: BiasInitializer = Field("zeros", description="first biases")
    layer_norm: bool = Field(False, description="normalise each recurrent layer's outputs (Ba et al., 2016)")
    pooling: Pooling = Field(
        "last",
        description="from the outputs of all steps to one: the last, their mean, maximum, or attention over them",
    )
    embedding_dim: PositiveInt | None = Field(
        None, description="size of a token's vector, where the data are tokens; null: that of data.vectors, or 100"
    )
    embedding_trainable: bool = Field(True, description="train the vectors of tokens, too; false keeps data.vectors")
    embedding_dropout: float = Field(
        0.0, ge=0, lt=1, description="share of the vectors' dimensions dropped in training, the same ones for all steps"
    )
    dense: list[PositiveInt] = Field([], description="sizes of dense layers before the output")
    dense_activation: Activation = Field("relu", description="activation of the layers in `dense`")
    output_activation: Activation | None = Field(
        None, description="activation of the output; null: linear; for classes it is always softmax"
    )
    skip: bool = Field(
        False,
        description="add a linear function of the whole window to the output (LSTNet, Lai et al., 2018, eq. 8)",
    )

    @abstractmethod
    def layer(self, units: int, name: str, **shared: Any) -> keras.layers.Layer:
        """Make one recurrent layer; `shared` are the Keras arguments that all kinds take."""

    def before(self, x: Any, mask: Any) -> tuple[Any, Any]:
        """Return what the recurrent layers read, and its mask; `x` is (b, time, channels)."""
        return x, mask

    def beside(self, x: Any, mask: Any) -> Any:
        """Return what joins the state of the recurrent layers, (b, outputs); None for nothing."""
        return None

    def build(self, spec: TaskSpec) -> keras.Model:
        """Return an uncompiled functional model from inputs to output as in `spec`, every layer named."""
        import keras

        self._refuse(spec)
        inputs = {name: keras.Input(i.shape, name=name, dtype=i.dtype) for name, i in spec.inputs.items()}
        past, mask = self._embedded(inputs["past"], spec), inputs.get("mask")
        x = self._recurrent(*self.before(segments(past, self.segment), mask), per_step=spec.per_step)
        if (branch := self.beside(past, mask)) is not None:
            x = keras.layers.Concatenate(name="state_and_branch")([x, branch])
        if "future" in inputs:
            future = keras.layers.Flatten(name="future_flat")(inputs["future"])
            x = keras.layers.Concatenate(name="state_and_future")([x, future])
        for i, size in enumerate(self.dense, start=1):
            x = keras.layers.Dense(size, activation=self.dense_activation, name=f"dense_{i}")(x)
        taken = inputs if len(inputs) > 1 else inputs["past"]
        return keras.Model(taken, self._output(x, spec, inputs["past"]), name=self.name)

    def sizes(self) -> list[int]:
        """Return one size per recurrent layer."""
        return [self.units] if isinstance(self.units, int) else list(self.units)

    def check_with(self, experiment: Any) -> list[str]:
        """Return what contradicts the other parts of an experiment."""
        return check_fit(self, experiment.data)

    def _refuse(self, spec: TaskSpec) -> None:
        problems = []
        given = spec.inputs["past"].vector
        if given and self.embedding_dim not in (None, given):
            problems.append(f"model.embedding_dim: {self.embedding_dim} given, but data.vectors have {given}; use null")
        if spec.per_step and not self.per_step:
            problems.append(no_steps(self))
        if spec.per_step and self.bidirectional:
            problems.append(SEES_FUTURE)
        if spec.per_step and "future" in spec.inputs:
            problems.append(NO_FUTURE)
        if spec.task == "classification" and self.output_activation is not None:
            problems.append(
                f"model.output_activation: `{self.output_activation}` given; classes need softmax: use null"
            )
        if self.skip and (spec.task == "classification" or self.output_activation not in (None, "linear")):
            problems.append("model.skip: true given; it is added to a linear output, not to classes or an activation")
        problems += window_problems(self, spec.inputs["past"].shape[0])
        if problems:
            raise ConfigError(*problems)

    def _embedded(self, x: Any, spec: TaskSpec) -> Any:
        """Give each token its vector; numbers stay as they are."""
        import keras

        tokens = spec.inputs["past"]
        if tokens.vocabulary is None:
            return x
        size = tokens.vector or self.embedding_dim or EMBEDDING_DIM
        x = keras.layers.Embedding(tokens.vocabulary, size, name="embedding", trainable=self.embedding_trainable)(x)
        if self.embedding_dropout:
            x = keras.layers.SpatialDropout1D(self.embedding_dropout, name="embedding_dropout")(x)
        return x

    def _recurrent(self, x: Any, mask: Any, per_step: bool) -> Any:
        """Stack the recurrent layers; with `per_step` an output per step stays, else one per sequence."""
        import keras

        sizes = self.sizes()
        sequences = per_step or self.pooling != "last"
        for i, units in enumerate(sizes, start=1):
            x = self._one(units, f"{self.name}_{i}", sequences or i < len(sizes))(x, mask=mask)
            if self.layer_norm:
                x = keras.layers.LayerNormalization(name=f"layer_norm_{i}")(x)
            if self.dropout:
                x = keras.layers.Dropout(self.dropout, name=f"dropout_{i}")(x)
        return pooled(x, mask, self.pooling) if sequences and not per_step else x

    def _one(self, units: int, name: str, return_sequences: bool) -> keras.layers.Layer:
        import keras

        shared = {
            "activation": self.activation or "tanh",
            "recurrent_dropout": self.recurrent_dropout,
            "kernel_initializer": self.kernel_initializer,
            "recurrent_initializer": self.recurrent_initializer,
            "bias_initializer": self.bias_initializer,
            "kernel_regularizer": self._penalty(),
            "recurrent_regularizer": self._penalty(),
            "return_sequences": return_sequences,
        }
        layer = self.layer(units, name, **shared)
        return keras.layers.Bidirectional(layer, name=name) if self.bidirectional else layer

    def _penalty(self) -> keras.Regularizer | None:
        import keras

        return keras.regularizers.L1L2(self.l1, self.l2) if self.l1 or self.l2 else None

    def _output(self, x: Any, spec: TaskSpec, past: Any) -> Any:
        import keras

        activation = "softmax" if spec.task == "classification" else self.output_activation
        # float32 also under mixed precision, whose losses would lose digits
        size = math.prod(spec.output_shape)
        x = keras.layers.Dense(size, activation=activation, dtype="float32", name="output")(x)
        if self.skip:
            window = keras.layers.Flatten(name="window")(past)
            linear = keras.layers.Dense(size, use_bias=False, dtype="float32", name="skip")(window)
            x = keras.layers.Add(dtype="float32", name="output_and_skip")([x, linear])
        if len(spec.output_shape) == 1:
            return x
        steps = (spec.inputs["past"].shape[0] or -1,) if spec.per_step else ()
        return keras.layers.Reshape((*steps, *spec.output_shape), dtype="float32", name="output_shape")(x)


SEES_FUTURE = (
    "model.bidirectional: true given, but the data want an output per time step, and a layer that reads "
    "backwards sees the future; set model.bidirectional=false or data.layout=windows"
)
NO_FUTURE = "model: known future values have no place in an output per time step; set data.layout=windows"


def check_fit(model: Any, data: Any) -> list[str]:
    """Return why these model settings cannot go with these data settings, one line each."""
    problems = window_problems(model, getattr(data, "sequence_length", 0))
    if getattr(data, "layout", None) == "sequence":
        problems = window_problems(model, None)
        problems += [no_steps(model)] if isinstance(model, RecurrentModel) and not model.per_step else []
        problems += [SEES_FUTURE] if getattr(model, "bidirectional", False) else []
    return problems


def no_steps(model: RecurrentModel) -> str:
    able = [name for name in names("model") if getattr(lookup("model", name), "per_step", False)]
    return (
        f"model: {model.name} gives one output per sequence, but the data want one per time step "
        f"(data.layout=sequence); {', '.join(able)} can"
    )


def window_problems(model: Any, steps: int | None) -> list[str]:
    """Return why a window of so many steps, None for a length that varies, is not one for this model."""
    segment, skip = getattr(model, "segment", None), getattr(model, "skip", False)
    if steps is None:
        given = [key for key, value in (("segment", segment), ("skip", skip)) if value]
        return [f"model.{key}: needs windows of one length; these data are whole sequences" for key in given]
    if segment is None or steps % segment == 0:
        return []
    return [f"model.segment: {segment} given; the {steps} steps of data.sequence_length are no multiple of it"]


def segments(past: Any, size: int | None) -> Any:
    """Lay `size` steps side by side as one: (batch, steps, features) to (batch, steps / size, size * features)."""
    import keras

    if size is None:
        return past
    _, steps, features = past.shape
    return keras.layers.Reshape((steps // size, size * features), name="segments")(past)
