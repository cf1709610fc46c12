"""The adding problem: a memory test whose answer depends on two steps far apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.data.source import SequenceSource
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np


@register("data")
class adding(SequenceSource):
    """Add the two marked numbers of a long sequence; always answering 1 has a mean squared error of 1/6.

    Each step holds a number from [0, 1) and a mark; one step of each half is marked. Source: Hochreiter and
    Schmidhuber, Long short-term memory, 1997, experiment 4, in the form of Le, Jaitly and Hinton, A simple
    way to initialize recurrent networks of rectified linear units, 2015, section 4.1.
    """

    name: Literal["adding"] = "adding"
    examples: int = Field(2000, ge=1, description="Number of sequences.")
    sequence_length: int = Field(100, ge=2, description="Steps of a sequence.")

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        generator = np.random.default_rng(self.seed)
        half, every = self.sequence_length // 2, np.arange(self.examples)
        numbers = generator.random((self.examples, self.sequence_length))
        marks = np.zeros_like(numbers)
        marks[every, generator.integers(0, half, self.examples)] = 1
        marks[every, generator.integers(half, self.sequence_length, self.examples)] = 1
        return np.stack([numbers, marks], axis=-1), (numbers * marks).sum(axis=1)
