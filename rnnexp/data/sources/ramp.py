"""A literal list of numbers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnexp.data.series import Series
from rnnexp.data.source import SeriesSource
from rnnexp.registry import register


def _tens() -> list[float]:
    return [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]


@register("data")
class ramp(SeriesSource):
    """Take the series from the configuration itself."""

    name: Literal["ramp"] = "ramp"
    values: list[float] = Field(default_factory=_tens, min_length=1, description="The series, in order.")

    def read(self) -> Series:
        import numpy as np

        return Series.single(np.array(self.values), source="ramp")
