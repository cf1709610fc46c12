"""Digits to be written backwards: the smallest task of a sequence in and another out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnexp.data.pairs import Pairs, PairSource
from rnnexp.registry import register


@register("data")
class reverse_digits(PairSource):
    """Draw strings of digits; the target is the string from its end to its beginning."""

    name: Literal["reverse_digits"] = "reverse_digits"
    tokens: Literal["character"] = Field("character", description="Each digit is a token.")
    examples: int = Field(5000, ge=10, description="Strings to draw.")
    shortest: int = Field(3, ge=1, description="Digits of the shortest string.")
    longest: int = Field(6, ge=1, description="Digits of the longest string.")

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`."""
        problems = super().check()
        if self.shortest > self.longest:
            problems.append(f"data.shortest: {self.shortest} is more than data.longest={self.longest}")
        return problems

    def read(self) -> Pairs:
        import numpy as np

        generator = np.random.Generator(np.random.Philox(self.seed))
        lengths = generator.integers(self.shortest, self.longest + 1, self.examples)
        texts = ["".join(map(str, generator.integers(0, 10, length))) for length in lengths]
        places = tuple(f"string {number + 1}" for number in range(len(texts)))
        return Pairs(tuple(texts), tuple(text[::-1] for text in texts), ("",) * len(texts), places, self.name)
