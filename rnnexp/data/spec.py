"""What the data asks of a model: the only thing a model gets to see of a dataset."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Task = Literal["forecasting", "regression", "classification"]


@dataclass(frozen=True)
class InputSpec:
    """One input without its batch axis; `None` in the shape is a length that varies."""

    shape: tuple[int | None, ...]
    dtype: str = "float32"


@dataclass(frozen=True)
class TaskSpec:
    """Inputs, output and natural choices of a task; heads, losses, metrics and baselines follow it.

    inputs:       by name; "past" (time, features) always, "future" (horizon, known features) where there are any
    output_shape: (horizon, targets) for forecasting, (outputs,) for regression, (classes,) for classification;
                  with `per_step` the same for each time step of "past"
    per_step:     an output per time step instead of one per sequence
    classes:      labels in the order of the outputs; empty unless the task is classification
    targets:      names of what is predicted
    loss:         the natural loss, by its name in the `loss` group
    """

    task: Task
    inputs: dict[str, InputSpec]
    output_shape: tuple[int, ...]
    per_step: bool = False
    classes: tuple[str, ...] = field(default=())
    targets: tuple[str, ...] = field(default=())
    loss: str = "mse"
