"""A source that takes its series from the test itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from rnnexp import tasks
from rnnexp.data.series import Series
from rnnexp.data.source import SeriesSource
from rnnexp.registry import settings
from rnnexp.tasks.forecasting.dataset import SeriesDataset


@settings
class Given(SeriesSource):
    name: Literal["given"] = "given"
    given: Any

    def read(self) -> Series:
        return self.given


def series(*lengths: int, columns: int = 1, frequency: str | None = None) -> Series:
    """Make series whose values tell their row, from 1, and after the point their column."""
    offsets = np.cumsum([0, *lengths])
    values = np.arange(offsets[-1])[:, None] + 1 + np.arange(columns) / 10
    ids = tuple(f"s{i}" for i in range(len(lengths)))
    time = None
    if frequency is not None:
        first, unit = np.datetime64("2020-01-01"), np.timedelta64(1, frequency)
        time = np.concatenate([first + np.arange(n) * unit for n in lengths]).astype("datetime64[ns]")
    names = tuple("abcdef"[:columns])
    return Series(values.astype(float), names, offsets, ids, time=time, frequency=frequency)


def wavy(rows: int, columns: int = 1, season: int = 5) -> Series:
    """Make one series above zero with trend, season and noise."""
    generator = np.random.default_rng(7)
    row = np.arange(rows)[:, None]
    values = 20 + 0.1 * row + np.sin(2 * np.pi * row / season) + generator.random((rows, columns))
    return Series(values, tuple("abcdef"[:columns]), np.array([0, rows]))


def load(data: Series, **fields: Any) -> SeriesDataset:
    source = Given(given=data, **fields)
    assert source.check() == []
    return tasks.load(source)  # type: ignore[return-value]


@dataclass(frozen=True)
class Maker:
    series: Callable[..., Series] = staticmethod(series)
    wavy: Callable[..., Series] = staticmethod(wavy)
    load: Callable[..., SeriesDataset] = staticmethod(load)
    source: type = Given


@pytest.fixture(scope="session")
def make() -> Maker:
    """Make small series, sources and datasets."""
    return Maker()
