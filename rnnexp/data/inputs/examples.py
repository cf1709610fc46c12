"""Examples of several inputs as a source reads them, before any split, scaler or vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rnnexp.data.labeled import Sequences


def _example(index: int) -> str:
    return f"example {index}"


@dataclass(frozen=True)
class Examples:
    """What was read of n examples.

    inputs:   by name a list (n,): texts, "" for none; sequences (steps, channels), without steps for none; or tuples of
              cells of a table as they are written, "" where one is missing
    columns:  by name the channels of a sequence, or the columns of a text or table
    targets:  labels (n,) or numbers (n,)
    ids:      (n,) what tells each example
    parts, groups, weights: (n,) as of `Sequences`
    place:    index -> where an example comes from
    notes:    what reading did to the data, one sentence each
    """

    inputs: Mapping[str, Sequence[Any]]
    columns: Mapping[str, tuple[str, ...]]
    targets: np.ndarray
    ids: np.ndarray
    parts: np.ndarray | None = None
    groups: np.ndarray | None = None
    weights: np.ndarray | None = None
    place: Callable[[int], str] = _example
    source: str = ""
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, chosen: np.ndarray) -> Examples:
        """Keep the examples at these places alone, in this order."""
        kept = {key: getattr(self, key) for key in ("targets", "ids", "parts", "groups", "weights")}
        return replace(
            self,
            inputs={name: [values[int(i)] for i in chosen] for name, values in self.inputs.items()},
            place=lambda index: self.place(int(chosen[index])),
            **{key: values[chosen] for key, values in kept.items() if values is not None},
        )

    def as_sequences(self) -> Sequences:
        """Return the same as sequences of one step, the place of an example: they are split and scored likewise."""
        places = np.arange(len(self), dtype=np.int32)
        return Sequences(
            places,
            np.arange(len(self) + 1, dtype=np.int64),
            self.targets,
            ("example",),
            parts=self.parts,
            groups=self.groups,
            weights=self.weights,
            place=self.place,
            source=self.source,
            notes=self.notes,
        )

    def list_missing(self, name: str) -> np.ndarray:
        """Return which examples have nothing of an input, (m,) places."""
        return np.flatnonzero([len(one) == 0 for one in self.inputs[name]])

    def take_content(self, index: int) -> tuple[Any, ...]:
        """Return what tells an example from another: all of its inputs."""
        every = (values[index] for values in self.inputs.values())
        return tuple(one.tobytes() if isinstance(one, np.ndarray) else one for one in every)
