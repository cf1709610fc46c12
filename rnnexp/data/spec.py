"""What the data asks of a model: the only thing a model gets to see of a dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rnnexp.data import quantiles
from rnnexp.errors import ConfigError
from rnnexp.registry import lookup, names

UNKNOWN_SIZE = 0  # what only reading the data can tell, in an outline

SEES_FUTURE = (
    "model.bidirectional: true given, but the data want an output per time step, and a layer that reads "
    "backwards sees the future; set model.bidirectional=false or data.layout=windows"
)
SEVERAL = "model: {} reads one sequence, but the data have the inputs {}; model=multi_input reads them together"
ONE_EACH = "model.pooling: `{}` given, but the data want an output per time step: there is nothing to pool; use last"
NO_FUTURE = "model: known future values have no place in an output per time step; set data.layout=windows"
TOKENS_ONLY = "model.tie_weights: true given, but the data have no tokens to predict; set model.tie_weights=false"


@dataclass(frozen=True)
class InputSpec:
    """One input without its batch axis; `None` in the shape is a length that varies.

    vocabulary: number of different tokens of an integer input, those for padding and unknown ones included
    vector:     size of the pretrained vectors that the data bring for them, None without any
    frame:      height, width and channels of the image that each step is, laid out flat; None where it is none
    """

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    vocabulary: int | None = None
    vector: int | None = None
    frame: tuple[int, int, int] | None = None

    def sizes(self) -> tuple[int | None, ...]:
        return (*self.shape, self.vocabulary, self.vector, *(self.frame or ()))


@dataclass(frozen=True)
class TaskSpec:
    """Inputs, output and natural choices of a task; heads, losses, metrics and baselines follow it.

    task:         its name;  what it asks of a model is said by the other fields, so that no model asks which it is
    inputs:       by name; "past" (time, features) or tokens (time,) always, but where an example has several inputs:
                  these have the names that its data give, and "NAME_mask" (time,) beside each that has steps;
                  "future" (horizon, known features) where there are any, "mask" (time,) where sequences are of
                  different length: false after the end,
                  "previous" (time,) the tokens before each one that is to be written, for sequence to sequence
    output_shape: (horizon, targets) for forecasting, (outputs,) for regression, (classes,) for classification,
                  (tags,) for tagging,
                  (vocabulary,) for language modeling and sequence to sequence; with `per_step` the same for each
                  time step of "past", or of "previous"
    outputs:      what they are: numbers, or logits of classes; probabilities in models that earlier versions saved
    scores_of:    the input whose tokens the outputs are scores of, None if there is none: its vectors may be their
                  weights, too
    per_step:     an output per time step instead of one per sequence
    sees_future:  the output of a step may depend on what follows it
    carried:      what follows a batch goes on where it ended: the states of its lanes are handed on
    classes:      labels, or tags, in the order of the outputs; empty unless the task is to choose among them
    targets:      names of what is predicted
    loss:         the natural loss, by its name in the `loss` group
    metrics:      what is logged in each epoch beside the loss, by the names of `metrics`
    quantiles:    which are wanted of each number, rising, and stand side by side in the outputs; empty for one answer

    A source outlines one before it has read any data, with UNKNOWN_SIZE for sizes that it does not know.
    """

    task: str
    inputs: dict[str, InputSpec]
    output_shape: tuple[int, ...]
    outputs: Literal["numbers", "probabilities", "logits"] = "numbers"
    scores_of: str | None = None
    per_step: bool = False
    sees_future: bool = False
    carried: bool = False
    classes: tuple[str, ...] = field(default=())
    targets: tuple[str, ...] = field(default=())
    loss: str = "mse"
    metrics: tuple[str, ...] = field(default=())
    quantiles: tuple[float, ...] = field(default=())

    def with_quantiles(self, levels: Sequence[float]) -> TaskSpec:
        """Return the spec of a network that gives these quantiles of each number, or one answer for none."""
        *others, last = self.output_shape
        targets = last // max(1, len(self.quantiles))
        return replace(self, quantiles=tuple(levels), output_shape=(*others, targets * max(1, len(levels))))

    @property
    def steps(self) -> tuple[int | None, ...]:
        """The time axis of the outputs, none for one output per sequence."""
        return self.inputs["past"].shape[:1] if self.per_step else ()

    @property
    def causal(self) -> bool:
        """Whether the output of a step must not depend on what follows it."""
        return self.per_step and not self.sees_future

    @property
    def frame(self) -> tuple[int, int, int] | None:
        """Height, width and channels of the image that each step is; None where it is none."""
        return None if self.several else self.inputs["past"].frame

    @property
    def several(self) -> bool:
        """Whether an example has several inputs, each with a name of its own."""
        return "past" not in self.inputs

    def list_inputs(self) -> dict[str, InputSpec]:
        """Return the inputs of an example by name, without the masks that belong to them."""
        return {name: one for name, one in self.inputs.items() if one.dtype != "bool"}

    def name_mask(self, name: str) -> str:
        """Return how the mask of one of these is called, if it has one."""
        return "mask" if name == "past" else f"{name}_mask"

    @property
    def writes(self) -> bool:
        """Whether the answer is a text, written token by token."""
        return "previous" in self.inputs

    @property
    def labels_sequences(self) -> bool:
        """Whether a sequence as a whole gets one of the classes."""
        return bool(self.classes) and not self.per_step

    @property
    def counted(self) -> str:
        """What is scored, in the plural."""
        if not self.per_step:
            return "examples"
        return "frames" if self.inputs["past"].frame else "tokens"

    def kept(self, states: Mapping[str, int]) -> Mapping[str, int]:
        """Return which states of a network, by name and size, are handed on from batch to batch."""
        return states if self.carried else {}

    def pooled(self, pooling: str) -> str | None:
        """Return how the steps of a sequence become one output, None where each has its own."""
        return None if self.per_step else pooling

    def labels(self, y: Any) -> Any:
        """Return the integer labels of what a batch holds: (b,), or as they are where each step has one."""
        if self.per_step:
            return y
        if y.ndim > 1 and y.shape[-1] == len(self.classes) > 1 and y.dtype.kind == "f":  # one-hot
            return y.argmax(-1)
        return (y[..., 0] if y.ndim > 1 and y.shape[-1] == 1 else y).astype("int32")

    def unsummed(self) -> str:
        """Say why losses cannot be added up over the steps of a sequence; "" if they can."""
        if not self.per_step:
            return f"{self.task} has a class for the whole sequence"
        return f"the sequences of {self.task} differ in length" if "mask" in self.inputs else ""

    def require_classes(self, key: str) -> None:
        """Raise ConfigError if there are none for a setting that is about them."""
        if not self.classes:
            raise ConfigError(f"{key}: given, but the task is {self.task}; remove it, there are no classes")

    def require_mean(self, key: str) -> None:
        """Raise ConfigError if the answers of several networks have no mean for a setting that asks for it."""
        if self.carried or self.writes:
            raise ConfigError(f"{key}: given, but an answer of {self.task} depends on those before it; leave it out")

    def flaw(self) -> str:
        """Say why nothing can be built for it, as for one that was saved and is damaged; "" if something can."""
        sizes = [size for given in self.inputs.values() for size in given.sizes() if size is not None]
        lacks = "past" not in self.inputs and (self.per_step or len(self.list_inputs()) < 2)
        if lacks or not self.output_shape or min([*self.output_shape, *sizes]) < 1:
            return "it needs an input `past`, or several of other names, and sizes of at least 1"
        framed = [past for past in self.inputs.values() if past.frame and past.shape[1:] != (math.prod(past.frame),)]
        if framed:
            return f"the frames {framed[0].frame} do not fill an input of the shape {framed[0].shape}"
        if self.classes and self.output_shape[-1] != len(self.classes):
            return f"{self.output_shape[-1]} outputs for {len(self.classes)} classes"
        if self.quantiles and (self.outputs != "numbers" or quantiles.find_flaw(self.quantiles)):
            return f"{list(self.quantiles)} cannot be its quantiles"
        if self.quantiles and self.output_shape[-1] % len(self.quantiles):
            return f"{self.output_shape[-1]} outputs for {len(self.quantiles)} quantiles of each target"
        return ""

    def mismatch(self, shape: tuple[int | None, ...], states: bool) -> str:
        """Say why a network that gives outputs of this shape, and carries states or not, is not for these data."""
        if self.carried and not states:
            return (
                "carries no states, which these data need: it must take them as inputs beside `past`, and give them "
                "after `output` in a dict"
            )
        if states and not self.carried:
            return "carries states, and these data have no state: it must give its outputs alone"
        wanted = (None, *self.steps, *self.output_shape)
        if shape == wanted:
            return ""
        return f"gives outputs of shape {shape}; the data need {wanted}, where the first None is the batch"

    def problems(self, model: Any) -> list[str]:
        """Return which settings of a model that answers to what it reads do not go with these data, one line each."""
        problems, chosen = self.step_problems(model), self.outputs != "numbers"
        if self.per_step:
            problems += [SEES_FUTURE] if model.bidirectional and not self.sees_future else []
            problems += [ONE_EACH.format(model.pooling)] if model.pooling != "last" else []
            problems += [NO_FUTURE] if "future" in self.inputs else []
        if chosen and model.output_activation is not None:
            given = model.output_activation
            problems.append(f"model.output_activation: `{given}` given; classes need logits: use null")
        return problems + self.tie_problems(model)

    def refuse_linear(self, of_words: bool, activation: str | None) -> str:
        """Say why no linear function, of words or of numbers, is added to the outputs; an empty string if one is."""
        chosen = self.outputs != "numbers"
        labels = chosen and not self.per_step and self.inputs["past"].vocabulary is not None
        if of_words:
            return "" if labels else "it is a function of words, for labels of texts"
        if not chosen and activation in (None, "linear"):
            return ""
        others = "; for labels of texts there is nb_svm" if labels else ""
        return f"it is added to a linear output, not to classes or an activation{others}"

    def several_problems(self, model: Any) -> list[str]:
        """Say if the data have several inputs, of which a model that reads one sequence knows nothing."""
        return [SEVERAL.format(model.name, ", ".join(self.list_inputs()))] if self.several else []

    def step_problems(self, model: Any) -> list[str]:
        """Say if a model cannot give an output for each step of what it reads, where the data want one."""
        if model.per_step or not self.per_step or self.writes:
            return []
        stepwise = (name for name in names("model") if getattr(lookup("model", name), "per_step", False))
        able = ", ".join(name for name in stepwise if not lookup("model", name)().check_spec(self))
        return [f"model: {model.name} gives one output per sequence, but the data want one per time step; {able} can"]

    def tie_problems(self, model: Any) -> list[str]:
        """Say why weights cannot be tied: only vectors of tokens can be read off, by a layer as wide as they are."""
        if not model.tie_weights:
            return []
        if self.scores_of is None:
            return [TOKENS_ONLY]
        last, size = [*model.sizes(), *getattr(model, "dense", [])][-1], model.vector_size()
        if last == size:
            return []
        return [
            f"model.tie_weights: true given, but the last layer has {last} units and the embedding {size}; "
            f"set model.embedding_dim={last}"
        ]


def with_sizes(outline: TaskSpec, outputs: int, **vocabularies: int) -> TaskSpec:
    """Return an outline with the sizes that were found in the data: of its outputs, and of vocabularies by input."""
    sized = {name: replace(outline.inputs[name], vocabulary=size) for name, size in vocabularies.items()}
    return replace(outline, output_shape=(outputs,), inputs={**outline.inputs, **sized})
