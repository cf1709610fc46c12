"""Raw examples of several inputs in, a batch out: what training and serving share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnexp.data.dataset import Arrays
from rnnexp.data.example_weights import take_weights
from rnnexp.data.inputs.encoders import FIT, Encoded, gather, restore_input
from rnnexp.data.inputs.examples import Examples
from rnnexp.data.inputs.source import MultiInputSource
from rnnexp.data.spec import InputSpec, TaskSpec
from rnnexp.data.target_scaling import TargetScaling, read_scaling
from rnnexp.errors import DataError, count

KIND = "inputs"


@dataclass(frozen=True)
class InputBatch:
    """A pure function from arrays and indices to a batch of these inputs."""

    names: tuple[str, ...]

    def __call__(self, arrays: Arrays, indices: Any) -> tuple[Any, Any, Any]:
        """Return x by name, y (b, outputs) numbers or (b,) classes, and their weight, see `take_weights`."""
        return self.gather(arrays, indices), arrays["y"][indices], take_weights(arrays, indices)

    def gather(self, arrays: Arrays, indices: Any) -> dict[str, Any]:
        """Return the inputs alone."""
        return {key: value for name in self.names for key, value in gather(arrays, name, indices).items()}


@dataclass(frozen=True)
class InputPipeline:
    """What serving a model of several inputs needs to know of its data.

    id:      the column that tells the examples
    targets: how numbers to predict are scaled; None: they are as they were read
    """

    inputs_by_name: Mapping[str, Encoded]
    id: str
    targets: TargetScaling | None = None

    @property
    def batch(self) -> InputBatch:
        return InputBatch(tuple(self.inputs_by_name))

    def describe(self) -> dict[str, InputSpec]:
        """Return what a network takes, by name."""
        return {key: spec for name, one in self.inputs_by_name.items() for key, spec in one.describe(name).items()}

    def lay_out(self, examples: Examples) -> dict[str, np.ndarray]:
        """Return the arrays of all inputs; DataError names the example that has a value which cannot be read."""
        return {
            f"{name}/{key}": values
            for name, one in self.inputs_by_name.items()
            for key, values in one.lay_out(examples.inputs[name], examples.place).items()
        }

    def inputs(self, examples: Examples) -> dict[str, Any]:
        """Return what a network takes for all examples."""
        return self.batch.gather(self.lay_out(examples), np.arange(len(examples)))

    def clean(self, examples: Examples, chosen: Sequence[int] | np.ndarray) -> list[dict[str, Any]]:
        """Return what baselines read of some examples: texts, scaled sequences, and numbers made of rows."""
        taken = {name: [values[int(i)] for i in chosen] for name, values in examples.inputs.items()}
        wanted = {name: one.clean(taken[name]) for name, one in self.inputs_by_name.items()}
        return [dict(zip(wanted, values)) for values in zip(*wanted.values())]

    def mismatch(self, spec: TaskSpec) -> str:
        """Say why a network of this spec is not for these inputs; an empty string if it is."""
        if spec.inputs != self.describe():
            return "the network is for other inputs"
        return self.targets.find_flaw(spec) if self.targets else ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        inputs = {name: one.to_json() for name, one in self.inputs_by_name.items()}
        scaled = {"targets": self.targets.to_json()} if self.targets else {}
        return {"kind": KIND, "id": self.id, "inputs": inputs, **scaled}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> InputPipeline:
        """Rebuild a pipeline from what `to_json` wrote."""
        inputs, own = saved.get("inputs"), saved.get("id")
        if not isinstance(inputs, dict) or not inputs or not isinstance(own, str):
            raise DataError("the inputs are damaged")
        restored = {name: restore_input(one, name) for name, one in inputs.items()}
        return cls(restored, own, read_scaling(saved.get("targets")))


def fit(source: MultiInputSource, examples: Examples, train: np.ndarray, name: str) -> tuple[InputPipeline, list[str]]:
    """Learn from the training examples; say what was learned, one sentence each with the name of the input."""
    made, notes = {}, []
    for key, given in source.list_inputs().items():
        try:
            made[key], told = given.choose(FIT)(given, examples.columns[key], examples.inputs[key], train)
        except DataError as error:
            raise DataError(f"{examples.source}: data.inputs.{key}: {error}") from None
        notes += [f"{key}: {note}" for note in told]
    return InputPipeline(made, name), notes


def say_missing(examples: Examples, allowed: bool) -> list[str]:
    """Count the examples that have nothing of an input; DataError unless that is allowed."""
    notes = []
    for name, values in examples.inputs.items():
        places = examples.list_missing(name)
        if not len(places):
            continue
        where = ", ".join(examples.place(int(i)) for i in places[:3]) + (", ..." if len(places) > 3 else "")
        told = f"{len(places)} of {count(len(values), 'example')} without `{name}`, such as {where}"
        if not allowed:
            raise DataError(f"{told}; data.on_missing=mask tells the network that there is none")
        notes.append(f"{told}: masked")
    return notes
