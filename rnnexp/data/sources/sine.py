"""A noisy sine wave, the series of many tutorials."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnexp.data.series import Series
from rnnexp.data.source import SeriesSource
from rnnexp.registry import register


@register("data")
class sine(SeriesSource):
    """Sample sin(x) at evenly spaced x from 0 to `stop` and add Gaussian noise."""

    name: Literal["sine"] = "sine"
    points: int = Field(1000, ge=2, description="Number of points.")
    stop: float = Field(50.0, gt=0, description="Last x, in radians; the first is 0.")
    noise: float = Field(0.1, ge=0, description="Standard deviation of the noise.")
    seed: int = Field(0, ge=0, description="Seed of the noise.")

    def read(self) -> Series:
        import numpy as np

        generator = np.random.default_rng(self.seed)
        wave = np.sin(np.linspace(0, self.stop, self.points))
        return Series.single(wave + self.noise * generator.standard_normal(self.points), source="sine")
