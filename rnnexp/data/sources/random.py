"""Random sequences with random targets: there is nothing to learn, and a score should say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.data.source import SequenceSource
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np


@register("data")
class random(SequenceSource):
    """Draw inputs and targets from the uniform distribution on [0, 1), independently of each other."""

    name: Literal["random"] = "random"
    examples: int = Field(100, ge=1, description="Number of sequences.")
    sequence_length: int = Field(10, ge=1, description="Steps of a sequence.")
    features: int = Field(1, ge=1, description="Numbers in one step.")

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        generator = np.random.default_rng(self.seed)
        inputs = generator.random((self.examples, self.sequence_length, self.features))
        return inputs, generator.random(self.examples)
