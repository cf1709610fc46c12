"""Which windows stand for all of a part, where there are many rows, and what a run says of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnexp.data import large
from rnnexp.data.source import SeriesSource
from rnnexp.errors import count

MANY = 0.01  # share of the training rows that fill gaps, above which it is said


def choose_strides(borders: Mapping[str, np.ndarray], source: SeriesSource) -> dict[str, int]:
    """Return for each part how many windows are gone on by to the next one that is kept.

    All windows are trained on. Of a part that is only scored, `large.SAMPLE` or so are kept, evenly spread, where
    there are many rows: what is forecast is held in memory in several units, by the network and by each baseline.

    borders: rows of each part, name -> (series, 2)
    """
    rows = {name: int(np.diff(own, axis=1).sum()) for name, own in borders.items()}
    if source.layout != "windows" or not source.samples or not large.is_large(sum(rows.values())):
        return dict.fromkeys(borders, 1)
    kept = {name: max(1, -(-there // (source.stride * large.SAMPLE))) for name, there in rows.items()}
    return {**kept, "train": 1}


def name_samples(
    borders: Mapping[str, np.ndarray], begins: Mapping[str, Sequence[np.ndarray]], source: SeriesSource
) -> list[str]:
    """Say so where not all windows of a part are scored, and not all are learned from by baselines."""
    if not large.is_large(sum(int(np.diff(own, axis=1).sum()) for own in borders.values())):
        return []
    kept = ", ".join(f"{sum(map(len, own)):,} windows of {name}" for name, own in begins.items() if name != "train")
    scored = f"{kept}, evenly spread, are scored; " if kept and source.samples else ""
    return [
        f"above {large.LARGE:,} rows examples are shuffled in runs of {large.RUN:,}, {scored}"
        f"baselines are fitted to {large.SAMPLE:,} windows or rows at most"
    ]


def name_filled(reading: Any) -> list[str]:
    """Say how many training rows are no observations, if they are many."""
    if reading.series.added is None:
        return []
    rows = [reading.series.added[first:last] for first, last in reading.borders["train"]]
    filled, total = sum(int(own.sum()) for own in rows), sum(map(len, rows))
    if filled <= MANY * total:
        return []
    policy = getattr(reading.source, "gaps", "")
    like = "repeat the row before their gap" if policy == "ffill" else "are on straight lines"
    return [
        f"{filled:,} of {count(total, 'training row')} ({filled / total:.0%}) fill gaps: they {like} (gaps={policy})"
    ]
