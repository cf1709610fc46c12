"""What of one dataset stands in another too, told by values, and by dates where both have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rnnexp.data.sequences import SequenceDataset
from rnnexp.tasks.classification.texts import TextDataset
from rnnexp.tasks.forecasting.dataset import SeriesDataset
from rnnexp.tasks.language_modeling.dataset import TextStream

STRETCH, MOST_STRETCHES = 30, 200  # tokens of a text that are looked up at once, and how many times
CHUNK = 50_000  # rows whose values are held at once
MOST_BEFORE = 8  # a row is told by its own values and those of so many before it


def overlap(scored: SeriesDataset, own: SeriesDataset, parts: Sequence[str]) -> tuple[int, int]:
    """Count the rows that are forecast in `scored` and stand in these parts of `own` too, and all that are forecast."""
    plan = scored.pipeline.plan
    before = min(MOST_BEFORE, plan.sequence_length)
    dated = scored.history.time is not None and own.history.time is not None
    known: set[int] = set()
    for part in parts:
        for first, last in own.borders.get(part, ()):
            start = own.history.offsets[np.searchsorted(own.history.offsets, first, side="right") - 1]
            known.update(_keys(own, np.arange(max(first, start + before), last), before, dated))
    starts = scored.starts(scored.scored)
    rows = np.unique(starts[:, None] + np.arange(plan.sequence_length, plan.span))
    return sum(key in known for key in _keys(scored, rows, before, dated)), len(rows)


def shared(scored: SequenceDataset, own: SequenceDataset, parts: Sequence[str]) -> int:
    """Count the examples of `scored` that stand in these parts of `own` too."""
    known = {_content(own, int(index)) for part in parts if part in own.parts for index in own.parts[part].indices}
    return sum(_content(scored, index) in known for index in range(len(scored.sequences)))


def repeated(ids: np.ndarray, own: TextStream, parts: Sequence[str]) -> float:
    """Return the share of stretches of a text (tokens,) that stand in these parts of `own` too, by a sample."""
    known = [own.ids(part).tobytes() for part in parts if part in own.borders]
    begins = np.unique(np.linspace(0, max(0, len(ids) - STRETCH), MOST_STRETCHES, dtype=np.int64))
    found = [any(ids[begin : begin + STRETCH].tobytes() in text for text in known) for begin in begins]
    return float(np.mean(found))


def _content(dataset: SequenceDataset, index: int) -> object:
    return dataset.texts[index] if isinstance(dataset, TextDataset) else dataset.sequences.one(index).tobytes()


def _keys(dataset: SeriesDataset, rows: np.ndarray, before: int, dated: bool) -> Iterator[int]:
    time = dataset.history.time if dated else None
    for i in range(0, len(rows), CHUNK):
        chosen = rows[i : i + CHUNK]
        values = dataset.table[chosen[:, None] - np.arange(before + 1)].reshape(len(chosen), -1)
        dates = np.zeros(len(chosen)) if time is None else time[chosen].astype("datetime64[ns]")
        yield from (hash((row.tobytes(), date.tobytes())) for row, date in zip(values, dates))
