"""What rows of one dataset stand in another too, told by values, and by dates where both have them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnexp.data.dataset import LEARNED_FROM
from rnnexp.data.leaks import known_share
from rnnexp.tasks.forecasting.dataset import SeriesDataset

CHUNK = 50_000  # rows whose values are held at once
MOST_BEFORE = 8  # a row is told by its own values and those of so many before it


def seen(scored: SeriesDataset, own: SeriesDataset) -> str:
    """Say how many of the rows that are forecast in `scored` the weights for `own` have been chosen by."""
    plan = scored.pipeline.plan
    before = min(MOST_BEFORE, plan.sequence_length)
    dated = scored.history.time is not None and own.history.time is not None
    known: set[int] = set()
    for part in LEARNED_FROM:
        for first, last in own.borders.get(part, ()):
            start = own.history.offsets[own.history.series_of(first)]
            known.update(_keys(own, np.arange(max(first, start + before), last), before, dated))
    starts = scored.starts(scored.scored)
    rows = np.unique(starts[:, None] + np.arange(plan.sequence_length, plan.span))
    found = sum(key in known for key in _keys(scored, rows, before, dated))
    return known_share(found, f"{len(rows)} scored rows")


def _keys(dataset: SeriesDataset, rows: np.ndarray, before: int, dated: bool) -> Iterator[int]:
    time = dataset.history.time if dated else None
    for i in range(0, len(rows), CHUNK):
        chosen = rows[i : i + CHUNK]
        values = dataset.table[chosen[:, None] - np.arange(before + 1)].reshape(len(chosen), -1)
        dates = np.zeros(len(chosen)) if time is None else time[chosen].astype("datetime64[ns]")
        yield from (hash((row.tobytes(), date.tobytes())) for row, date in zip(values, dates))
