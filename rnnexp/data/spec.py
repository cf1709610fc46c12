"""What the data asks of a model: the only thing a model gets to see of a dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Task = Literal["forecasting", "regression", "classification", "tagging", "language_modelling", "sequence_to_sequence"]


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

    inputs:       by name; "past" (time, features) or tokens (time,) always, "future" (horizon, known features) where
                  there are any, "mask" (time,) where sequences are of different length: false after the end,
                  "previous" (time,) the tokens before each one that is to be written, for sequence to sequence
    output_shape: (horizon, targets) for forecasting, (outputs,) for regression, (classes,) for classification,
                  (tags,) for tagging,
                  (vocabulary,) for language modelling and sequence to sequence; with `per_step` the same for each
                  time step of "past", or of "previous"
    per_step:     an output per time step instead of one per sequence
    carried:      what follows a batch goes on where it ended: the states of its lanes are handed on
    classes:      labels, or tags, in the order of the outputs; empty unless the task is to choose among them
    targets:      names of what is predicted
    loss:         the natural loss, by its name in the `loss` group
    metrics:      what is logged in each epoch beside the loss, by the names of `metrics`
    """

    task: Task
    inputs: dict[str, InputSpec]
    output_shape: tuple[int, ...]
    per_step: bool = False
    carried: bool = False
    classes: tuple[str, ...] = field(default=())
    targets: tuple[str, ...] = field(default=())
    loss: str = "mse"
    metrics: tuple[str, ...] = field(default=())
