"""One or many series in original units, as a source reads them, before any window, split or scaler.

NumPy is imported when there are numbers: a command that only looks at settings starts without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


NAMELESS = ("series",)  # ids of a lone series that has no name


@dataclass(frozen=True)
class Tally:
    """Where the rows of tables went, by reason: records = kept + left out + merged; rows = kept + filled."""

    records: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    merged: Mapping[str, int] = field(default_factory=dict)
    filled: Mapping[str, int] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        return self.records - sum(self.left_out.values()) - sum(self.merged.values())

    @property
    def rows(self) -> int:
        return self.kept + sum(self.filled.values())

    def __str__(self) -> str:
        """Write the sum: `49 records: 48 kept, 1 merged with another of the same date; 50 rows, 2 of them added`."""
        parts = [f"{total:,} {why}" for why, total in {**self.left_out, **self.merged}.items()]
        rows = "".join(f", {total:,} of them {how}" for how, total in self.filled.items() if total)
        return f"{self.records:,} records: {', '.join([f'{self.kept:,} kept', *parts])}; {self.rows:,} rows{rows}"

    def without(self, rows: int, added: int) -> Tally:
        """Leave out rows of series that are too short, of which some were added to fill gaps."""
        reason, there = "in series that are too short", rows - added
        left_out = {**self.left_out, reason: self.left_out.get(reason, 0) + there} if there else self.left_out
        return replace(self, left_out=left_out, filled={how: total - added for how, total in self.filled.items()})


@dataclass(frozen=True)
class Series:
    """Rows in time order; several series lie end to end, series i being `offsets[i]:offsets[i + 1]`.

    values:    (rows, columns) float64, no NaN
    columns:   one name per column
    offsets:   (series + 1,) int64, from 0 to rows
    ids:       one label per series
    time:      (rows,) datetime64[ns], or None for data without dates
    frequency: pandas offset alias ("MS", "h", "15min", ...) or None
    unit:      what the values count, for the labels of pictures
    notes:     what reading did to the data, one sentence each, with counts
    left_out:  labels of series that were too short to be read any further
    added:     (rows,) bool, rows that fill gaps; None if there are none
    tally:     where the rows come from, if they are of tables
    """

    values: np.ndarray
    columns: tuple[str, ...]
    offsets: np.ndarray
    ids: tuple[str, ...] = NAMELESS
    time: np.ndarray | None = None
    frequency: str | None = None
    unit: str = ""
    source: str = ""
    notes: tuple[str, ...] = field(default=())
    left_out: tuple[str, ...] = ()
    added: np.ndarray | None = None
    tally: Tally | None = None

    @classmethod
    def single(cls, values: np.ndarray, column: str = "value", **more: object) -> Series:
        """Wrap one univariate series of shape (rows,)."""
        import numpy as np

        column_values = np.asarray(values, dtype=np.float64).reshape(-1, 1)
        return cls(column_values, (column,), np.array([0, len(column_values)]), **more)  # type: ignore[arg-type]

    def lengths(self) -> np.ndarray:
        return self.offsets[1:] - self.offsets[:-1]

    def series_of(self, rows: np.ndarray | int) -> np.ndarray:
        """Return the place of the series in which each row lies."""
        import numpy as np

        return np.asarray(np.searchsorted(self.offsets, rows, side="right") - 1)

    def take(self, chosen: np.ndarray) -> Series:
        """Keep the series at these places alone, in this order."""
        import numpy as np

        rows = np.concatenate([np.arange(self.offsets[place], self.offsets[place + 1]) for place in chosen])
        return replace(
            self,
            values=self.values[rows],
            offsets=np.cumsum([0, *self.lengths()[chosen]]),
            ids=tuple(self.ids[place] for place in chosen),
            time=None if self.time is None else self.time[rows],
            added=None if self.added is None else self.added[rows],
            tally=None if self.tally is None else self.tally.without(*self._gone(rows)),
        )

    def _gone(self, rows: np.ndarray) -> tuple[int, int]:
        """Return how many rows are not among `rows`, and how many of those fill gaps."""
        added = 0 if self.added is None else int(self.added.sum() - self.added[rows].sum())
        return len(self.values) - len(rows), added


@dataclass(frozen=True)
class Rows:
    """Raw rows of one series.

    values: (rows, columns) in the order in which columns were asked for; rows at the end whose targets are NaN are
            the ones to forecast, and hold the columns known ahead
    time:   (rows,) datetime64[ns], or None
    """

    label: str
    values: np.ndarray
    time: np.ndarray | None = None
