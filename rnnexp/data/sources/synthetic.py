"""Sources that need no file: numbers that are computed, drawn or written into the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnexp.data.pairs import Pairs, PairSource
from rnnexp.data.series import Series
from rnnexp.data.source import MAX_DRAWN, SequenceSource, SeriesSource
from rnnexp.registry import register

if TYPE_CHECKING:
    import numpy as np


def _tens() -> list[float]:
    return [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]


@register("data")
class sine(SeriesSource):
    """Sample sin(x) at evenly spaced x from 0 to `stop` and add Gaussian noise."""

    name: Literal["sine"] = "sine"
    points: int = Field(1000, ge=2, le=MAX_DRAWN, description="Number of points.")
    stop: float = Field(50.0, gt=0, description="Last x, in radians; the first is 0.")
    noise: float = Field(0.1, ge=0, description="Standard deviation of the noise.")
    seed: int = Field(0, ge=0, description="Seed of the noise.")

    def read(self) -> Series:
        import numpy as np

        generator = np.random.default_rng(self.seed)
        wave = np.sin(np.linspace(0, self.stop, self.points))
        return Series.single(wave + self.noise * generator.standard_normal(self.points), source="sine")


@register("data")
class mackey_glass(SeriesSource):
    """Integrate dx/dt = 0.2 x(t - delay) / (1 + x(t - delay)^10) - 0.1 x(t): with a delay of 17 or more it is chaotic.

    It is 1.2 up to time 0; the first 500 units of time are left out. Runge and Kutta's method of the fourth order, in
    steps of 0.1. Source: Mackey and Glass, Oscillation and chaos in physiological control systems, 1977.
    """

    name: Literal["mackey_glass"] = "mackey_glass"
    points: int = Field(1000, ge=2, le=MAX_DRAWN, description="Number of points.")
    every: int = Field(6, ge=1, description="Units of time between two points.")
    delay: int = Field(17, ge=1, description="Units of time after which a value acts on its change.")

    def read(self) -> Series:
        import numpy as np

        lag, warm_up = self.delay * STEPS, 500 * STEPS
        x = [1.2] * (lag + 1)
        for now in range(lag, lag + warm_up + self.points * self.every * STEPS):
            x.append(_step(x[now], x[now - lag], x[now - lag + 1]))
        return Series.single(np.array(x[lag + warm_up :: self.every * STEPS][: self.points]), source="mackey_glass")


STEPS = 10  # of the integration in a unit of time


def _step(now: float, old: float, later: float) -> float:
    """Return the value after one step, given this one and those a delay earlier; in the middle lies their mean."""

    def change(value: float, delayed: float) -> float:
        fifth = delayed * delayed * delayed * delayed * delayed  # products round alike everywhere, powers do not
        return 0.2 * delayed / (1 + fifth * fifth) - 0.1 * value

    middle, size = (old + later) / 2, 1 / STEPS
    first = change(now, old)
    second = change(now + size / 2 * first, middle)
    third = change(now + size / 2 * second, middle)
    return now + size / 6 * (first + 2 * second + 2 * third + change(now + size * third, later))


@register("data")
class values(SeriesSource):
    """Take the series from the command or the configuration itself."""

    name: Literal["values"] = "values"
    values: list[float | list[float]] = Field(
        min_length=1, description="The series, in order: a number for each row, or a list of them, one for each column."
    )

    def check(self) -> list[str]:
        """List the mistakes between fields, as `data.key: message`."""
        return [*super().check(), *self._mistakes()]

    def _mistakes(self) -> list[str]:
        sizes = [f"a list of {len(row)}" if isinstance(row, list) else "a number" for row in self.values]
        if sizes[0] == "a list of 0":
            return ["data.values: row 1 is empty; give a number for each column"]
        other = next((number for number, size in enumerate(sizes) if size != sizes[0]), None)
        return [] if other is None else [f"data.values: row {other + 1} is {sizes[other]}; row 1 is {sizes[0]}"]

    def read(self) -> np.ndarray:
        import numpy as np

        return np.array(self.values)


@register("data")
class ramp(SeriesSource):
    """Count to 90 in tens, or as the values say."""

    name: Literal["ramp"] = "ramp"
    values: list[float] = Field(default_factory=_tens, min_length=1, description="The series, in order.")

    def read(self) -> Series:
        import numpy as np

        return Series.single(np.array(self.values), source="ramp")


@register("data")
class random(SequenceSource):
    """Draw inputs and targets from the uniform distribution on [0, 1), independently of each other."""

    name: Literal["random"] = "random"
    examples: int = Field(100, ge=1, le=MAX_DRAWN, description="Number of sequences.")
    sequence_length: int = Field(10, ge=1, description="Steps of a sequence.")
    features: int = Field(1, ge=1, description="Numbers in one step.")

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        import numpy as np

        generator = np.random.default_rng(self.seed)
        inputs = generator.random((self.examples, self.sequence_length, self.features))
        return inputs, generator.random(self.examples)


@register("data")
class adding(SequenceSource):
    """Add the two marked numbers of a long sequence; always answering 1 has a mean squared error of 1/6.

    Each step holds a number from [0, 1) and a mark; one step of each half is marked. Source: Hochreiter and
    Schmidhuber, Long short-term memory, 1997, experiment 4, in the form of Le, Jaitly and Hinton, A simple
    way to initialize recurrent networks of rectified linear units, 2015, section 4.1.
    """

    name: Literal["adding"] = "adding"
    examples: int = Field(2000, ge=1, le=MAX_DRAWN, description="Number of sequences.")
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


@register("data")
class reverse_digits(PairSource):
    """Draw strings of digits; the target is the string from its end to its beginning."""

    name: Literal["reverse_digits"] = "reverse_digits"
    tokens: Literal["character"] = Field("character", description="Each digit is a token.")
    examples: int = Field(5000, ge=10, le=MAX_DRAWN, description="Strings to draw.")
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
