"""A forecasting source that takes its series from the test itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from rnnexp import tasks
from rnnexp.data.dataset import Dataset
from rnnexp.data.series import Series
from rnnexp.data.source import SeriesSource
from rnnexp.evaluation.report import Report, Scoring
from rnnexp.registry import settings
from rnnexp.tasks import load
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.forecasting.intervals import Intervals


@settings
class Given(SeriesSource):
    name: Literal["given"] = "given"
    given: Any

    def read(self) -> Series:
        return self.given


def dataset(*tables: np.ndarray, **fields: Any) -> SeriesDataset:
    """Load one series per table (rows, columns); columns are called a, b, ..., series s0, s1, ..."""
    offsets = np.cumsum([0, *(len(table) for table in tables)])
    ids = tuple(f"s{i}" for i in range(len(tables)))
    columns = tuple("abcdefghijklmnopqrstuvwxyz"[: tables[0].shape[1]])
    source = Given(given=Series(np.concatenate(tables).astype(float), columns, offsets, ids), **fields)
    assert source.check() == []
    return load(source)  # type: ignore[return-value]


def noise(rows: int, columns: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns))


def evaluate(
    model: Any, dataset: Dataset, batch_size: Any, extra: Sequence[str] = (), intervals: Intervals | None = None
) -> Report:
    """Score a model on the scored part."""
    return tasks.evaluate(model, dataset, Scoring(batch_size, extra, intervals))


def replace_names(dataset: SeriesDataset, **names: str) -> SeriesDataset:
    """Return the same data as of a table whose columns of series and dates have these names."""
    return replace(dataset, pipeline=replace(dataset.pipeline, **names))
