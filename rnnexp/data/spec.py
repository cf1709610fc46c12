"""What the data asks of a model: the only thing a model gets to see of a dataset."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

UNKNOWN_SIZE = 0  # what only reading the data can tell, in an outline


@dataclass(frozen=True)
class InputSpec:
    """One input without its batch axis; `None` in the shape is a length that varies.

    vocabulary: number of different tokens of an integer input, those for padding and unknown ones included
    vector:     size of the pretrained vectors that the data bring for them, None without any
    """

    shape: tuple[int | None, ...]
    dtype: str = "float32"
    vocabulary: int | None = None
    vector: int | None = None

    def sizes(self) -> tuple[int | None, ...]:
        return (*self.shape, self.vocabulary, self.vector)


@dataclass(frozen=True)
class TaskSpec:
    """Inputs, output and natural choices of a task; heads, losses, metrics and baselines follow it.

    task:         its name;  what it asks of a model is said by the other fields, so that no model asks which it is
    inputs:       by name; "past" (time, features) or tokens (time,) always, "future" (horizon, known features) where
                  there are any, "mask" (time,) where sequences are of different length: false after the end,
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


def with_sizes(outline: TaskSpec, outputs: int, **vocabularies: int) -> TaskSpec:
    """Return an outline with the sizes that were found in the data: of its outputs, and of vocabularies by input."""
    sized = {name: replace(outline.inputs[name], vocabulary=size) for name, size in vocabularies.items()}
    return replace(outline, output_shape=(outputs,), inputs={**outline.inputs, **sized})
