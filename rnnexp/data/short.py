"""Series that are too short for one window: refused, or left out before anything is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rnnexp.data import calendar
from rnnexp.data.series import NAMELESS, Series
from rnnexp.errors import DataError, count

if TYPE_CHECKING:
    from rnnexp.data.source import SeriesSource

SHOWN = 5


@dataclass(frozen=True)
class Need:
    """The rows that one window takes; `lost` are those that differences use up before it."""

    sequence_length: int
    horizon: int
    lost: int = 0

    @property
    def rows(self) -> int:
        return self.sequence_length + self.horizon + self.lost

    def __str__(self) -> str:
        lost = f" + {self.lost} used up by differences" if self.lost else ""
        return f"sequence_length {self.sequence_length} + horizon {self.horizon}{lost}"


def need(source: SeriesSource, frequency: str | None) -> Need:
    """Return what one window of a source takes; settings and frequency tell, no series is looked at."""
    season = source.season or calendar.season_of(frequency) or 0
    lags = {"difference": 1, "seasonal_difference": season}
    return Need(source.sequence_length, source.horizon, sum(lags.get(name, 0) for name in source.scalers()))


def labels(series: Series) -> tuple[str, ...]:
    """Return what messages call each series: a lone one may have no name, but it has a file."""
    return (series.source,) if series.ids == NAMELESS else series.ids


def named(labels: Sequence[str]) -> str:
    """Name the first few of many series."""
    more = f" and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else ""
    return ", ".join(f"`{label}`" for label in labels[:SHOWN]) + more


def without_short(source: SeriesSource, series: Series, needed: Need) -> Series:
    """Leave out the series that have too few rows, with a note that names them, or refuse them."""
    lengths = series.lengths()
    long = lengths >= needed.rows
    total = len(lengths) + len(series.left_out)
    if source.on_short == "fail" or not long.any():
        _refuse([(label, int(n)) for label, n in zip(labels(series), lengths) if n < needed.rows], total, needed)
    gone = (*series.left_out, *(label for label, kept in zip(labels(series), long) if not kept))
    if not gone:
        return series
    text = f"{len(gone)} of {total} series have fewer than the {needed.rows} rows of one window; they are left out"
    kept = series if long.all() else series.take(long.nonzero()[0])
    return replace(kept, notes=(*series.notes, f"{text}: {named(gone)}"), left_out=gone)


def _refuse(short: list[tuple[str, int]], total: int, needed: Need) -> None:
    if not short:
        return
    label, rows = short[0]
    text = f"{len(short)} of {total} series have fewer than the {needed.rows} rows of one window"
    which = f"series `{label}` has {count(rows, 'row')}" if total == 1 else f"{text}, such as `{label}` with {rows}"
    skip = "; data.on_short=skip leaves them out" if len(short) < total else ""
    raise DataError(f"{which}; one window needs {needed.rows}: {needed}{skip}")
